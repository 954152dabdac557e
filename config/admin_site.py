from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class BackOfficeSite(AdminSite):
    site_header = _("Back office")
    site_title = _("Back office")
    index_title = _("Dashboard")
    enable_nav_sidebar = True
