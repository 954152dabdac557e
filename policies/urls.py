from django.urls import path, register_converter

from policies import views


class TokenConverter:
    """What `secrets.token_urlsafe(32)` makes. Anything else is not one of our links: 404."""

    regex = r"[A-Za-z0-9_-]{43}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(TokenConverter, "token")

urlpatterns = [
    path("", views.home, name="home"),
    path("plans/", views.plans, name="plans"),
    path("activate/", views.activate, name="activate"),
    path("cover/", views.cover, name="cover"),
    path("policy/<token:token>/", views.policy, name="policy"),
    path("policy/<token:token>/agreement.pdf", views.agreement_paper, name="policy_agreement"),
    path("verification/", views.verification, name="verification"),
]
