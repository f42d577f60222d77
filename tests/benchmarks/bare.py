"""What the portal's rates are compared with: a function of WSGI, and a view of a bare Django."""

PAGE = b"Xin ch\xc3\xa0o"


def function(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(PAGE))), ("Content-Type", "text/plain")])
    return [PAGE]


def django():
    """Give a Django with one view and nothing else."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    def view(request):
        return HttpResponse(PAGE, content_type="text/plain", headers={"Content-Length": len(PAGE)})

    class urls:  # noqa: N801  (stands for a module)
        urlpatterns = (path("", view),)

    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, SECRET_KEY="bare", MIDDLEWARE=[])
    return get_wsgi_application()
