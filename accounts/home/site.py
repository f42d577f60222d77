"""The admin as the portal has it, with a first page of figures."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from accounts.access.staff import StaffSite
from accounts.home.figures import figures_for
from accounts.pages.parts import open_to
from accounts.pages.requests import actor


class HomeSite(StaffSite):
    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Show how the portal stands, and lead to all that this member of staff may open."""
        staff = actor(request)
        more = {"figures": figures_for(staff), "parts": list(open_to(staff))}
        return super().index(request, more | (extra_context or {}))
