"""Django's makemigrations, whose migrations can be rolled out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations
from django.core.management.commands import makemigrations
from django.db.migrations import Migration
from django.db.migrations.writer import MigrationWriter

from syzygy_like.management.base import WithoutCheck

Changes = dict[str, list[Migration]]


class Command(WithoutCheck, makemigrations.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--no-split",
            action="store_true",
            help="Writes what Django writes, though it may fit neither side of a "
            "deploy.",
        )
        parser.add_argument(
            "--split",
            action="store_true",
            help="Rewrites a migration that fits no stage as several that do: "
            "makemigrations --split app_label migration_name.",
        )

    @no_translations
    def handle(self, *args: str, **options: Any) -> None:
        # Imported here, for it would make other commands slower to start.
        if options.get("split"):
            from syzygy_like.makemigrations.split.command import split

            split(self, args, options)
        elif options.get("no_split") or options["update"]:
            super().handle(*args, **options)
        else:
            from syzygy_like.makemigrations.run import CommandQuestioner

            with CommandQuestioner(self, options).splitting():
                super().handle(*args, **options)

    def write_to_last_migration_files(self, changes: Changes) -> None:
        from syzygy_like.makemigrations.split.refusals import refuse_update

        for app_label in changes:
            refuse_update(app_label)
        super().write_to_last_migration_files(changes)

    def write_migration_files(
        self,
        changes: Changes,
        update_previous_migration_paths: dict[str, str] | None = None,
    ) -> None:
        from syzygy_like.makemigrations import messages
        from syzygy_like.makemigrations.run import stages

        self.stages = {}
        found = {}
        if self.verbosity >= 1:
            updated = update_previous_migration_paths or {}
            replaced = {(label, Path(path).stem) for label, path in updated.items()}
            found = stages(changes, replaced)
        for migration, stage in found.items():
            path = self.get_relative_path(MigrationWriter(migration).path)
            self.stages[f"  {self.style.MIGRATE_LABEL(path)}\n"] = messages.stage(stage)
        try:
            super().write_migration_files(changes, update_previous_migration_paths)
        except BaseException as error:
            # One part without the other would look like the whole change.
            written = [] if self.update else getattr(self, "written_files", [])
            for path in written:
                Path(path).unlink(missing_ok=True)
            if isinstance(error, OSError) and not self.update:
                raise CommandError(messages.unwritten(error)) from error
            raise
        for migration, stage in found.items():
            if self.update and not stage:
                self.log(self.style.WARNING(messages.unsplit(migration)))

    def log(self, msg: str) -> None:
        """Print a line; the one of a new file has the stage of its migration."""
        stage = getattr(self, "stages", {}).get(msg)
        super().log(f"{msg.rstrip()}  ({stage})\n" if stage else msg)
