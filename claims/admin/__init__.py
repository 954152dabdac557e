from claims.admin import claims

__all__ = ["claims"]
