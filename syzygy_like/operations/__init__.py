"""Operations for migrations."""
