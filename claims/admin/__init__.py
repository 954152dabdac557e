from claims.admin import claims, sections

__all__ = ["claims", "sections"]
