from django.urls import path

from claims import views, webhooks

urlpatterns = [
    path("repair/", views.repair, name="repair"),
    path("repair/progress/", views.progress_lookup, name="progress_lookup"),
    # A token is made of the characters of a slug.
    path("repair/progress/<slug:token>/", views.progress_page, name="progress"),
    path("repair/progress/<slug:token>/label.pdf", views.progress_label, name="progress_label"),
    path("repair/progress/<slug:token>/cancel/", views.progress_cancel, name="progress_cancel"),
    path("carriers/easypost/webhook/", webhooks.easypost, name="easypost_webhook"),
]
