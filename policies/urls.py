from django.urls import path

from policies import views

urlpatterns = [
    path("", views.home, name="home"),
    path("plans/", views.plans, name="plans"),
    path("activate/", views.activate, name="activate"),
    path("cover/", views.cover, name="cover"),
    # A token is made of the characters of a slug.
    path("policy/<slug:token>/", views.policy, name="policy"),
    path("policy/<slug:token>/agreement.pdf", views.agreement_paper, name="policy_agreement"),
    path("verification/", views.verification, name="verification"),
]
