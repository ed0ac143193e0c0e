"""Why code written for one schema cannot run on another one."""

from syzygy_like.compatibility.problems import avoidable, errors, incompatibilities
from syzygy_like.compatibility.rules import RULES, Problem, Rule

__all__ = ["RULES", "Problem", "Rule", "avoidable", "errors", "incompatibilities"]
