"""The shop through Django: settings, addresses and views in one module, which Django allows."""

import json
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views import View
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.static import serve

from tests.apps.shop import LARGE, SECRET, SIGNING_KEY, OutOfStockError, Shop, describe, digest, iter_blocks
from tests.apps.validation import under_validator

shop = Shop()

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=SIGNING_KEY,
    ALLOWED_HOSTS=["*"],
    APPEND_SLASH=False,
    # An exception nobody handles goes on to the server, whose answer is tested here.
    DEBUG_PROPAGATE_EXCEPTIONS=True,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        f"{__name__}.OutOfStockMiddleware",
    ],
    # Django logs every 4xx; the server's log is what these tests read.
    LOGGING_CONFIG=None,
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    USE_TZ=True,
)


class OutOfStockMiddleware:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, OutOfStockError):
            return JsonResponse({"error": "out of stock", "what": str(error)}, status=409)
        return None


def plain_stream(lines: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(lines, content_type="text/plain")


@require_GET
def sign(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>The shop, by django</h1>")


class Cask(View):
    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        return JsonResponse({"cask": number})

    def put(self, request: HttpRequest, number: int) -> HttpResponse:
        return JsonResponse({"cask": number, "stored": json.loads(request.body)})

    def delete(self, request: HttpRequest, number: int) -> HttpResponse:
        answer = HttpResponse(status=204)
        del answer["Content-Type"]
        return answer


@require_POST
def add_cask(request: HttpRequest) -> HttpResponse:
    cask = json.loads(request.body)
    return JsonResponse(cask, status=201, headers={"Location": f"/casks/{cask['cask']}"})


@require_GET
def note(request: HttpRequest, note: str) -> HttpResponse:
    return JsonResponse({"note": note})


@require_GET
def query(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(request.GET.lists()))


@require_POST
def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(request.POST.lists()))


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    files = [describe(name, file.name, file.content_type, file) for name, file in request.FILES.items()]
    return JsonResponse({"fields": dict(request.POST.lists()), "files": files})


@require_http_methods(["POST", "PUT"])
def body_digest(request: HttpRequest) -> HttpResponse:
    return JsonResponse({**digest(iter_blocks(request)), "announced": request.META.get("CONTENT_LENGTH")})


@require_POST
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@require_GET
def fields(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"value": request.headers.get(request.GET["name"])})


@require_GET
def named(request: HttpRequest) -> HttpResponse:
    return HttpResponse("named", headers={"X-Name": "Señor"})


@require_GET
def whereami(request: HttpRequest) -> HttpResponse:
    script = request.META["SCRIPT_NAME"]
    return JsonResponse({"url": request.build_absolute_uri(), "script": script, "path": request.path_info})


@require_GET
def large(request: HttpRequest) -> HttpResponse:
    return HttpResponse(LARGE, content_type="application/octet-stream")


@require_http_methods(["GET", "HEAD"])
def lines(request: HttpRequest, count: int) -> StreamingHttpResponse:
    return plain_stream(shop.lines(count))


@require_GET
def broken(request: HttpRequest) -> StreamingHttpResponse:
    return plain_stream(shop.broken_lines())


class Gate(View):
    def get(self, request: HttpRequest, name: str) -> StreamingHttpResponse:
        return plain_stream(shop.gated_lines(name))

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        shop.open_gate(name)
        return HttpResponse("open")


@require_GET
def endless(request: HttpRequest) -> StreamingHttpResponse:
    return plain_stream(shop.endless_lines(int(request.GET["phone"])))


@require_GET
def hold(request: HttpRequest) -> HttpResponse:
    return JsonResponse(shop.hold(int(request.GET["phone"])))


@require_GET
def set_cookies(request: HttpRequest) -> HttpResponse:
    answer = JsonResponse({"cookies": "set"})
    answer.set_cookie("cask", "seven")
    answer.set_cookie("peat", "heavy", httponly=True)
    return answer


@require_GET
def read_cookies(request: HttpRequest) -> HttpResponse:
    return JsonResponse(request.COOKIES)


@require_GET
def visits(request: Any) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"]})


def redirected(request: HttpRequest, code: int) -> HttpResponse:
    answer = HttpResponseRedirect(request.GET["to"])
    answer.status_code = code
    return answer


def raised(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET)


def leave(request: HttpRequest) -> HttpResponse:
    raise SystemExit(SECRET)


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def handled(request: HttpRequest) -> HttpResponse:
    raise OutOfStockError("cask 7")


urlpatterns = [
    path("", sign),
    path("casks/<int:number>", Cask.as_view()),
    path("casks", add_cask),
    path("notes/<str:note>", note),
    path("query", query),
    path("form", form),
    path("upload", upload),
    path("digest", body_digest),
    path("empty", empty),
    path("fields", fields),
    path("named", named),
    path("whereami", whereami),
    path("large", large),
    path("lines/<int:count>", lines),
    path("broken", broken),
    path("gates/<str:name>", Gate.as_view()),
    path("endless", endless),
    path("hold", hold),
    path("cookies/set", set_cookies),
    path("cookies/read", read_cookies),
    path("visits", visits),
    path("redirects/<int:code>", redirected),
    path("errors/raised", raised),
    path("errors/exit", leave),
    path("errors/forbidden", forbidden),
    path("errors/handled", handled),
    path("files/<path:path>", serve, {"document_root": shop.files}),
]

django.setup(set_prefix=False)

app = under_validator(WSGIHandler())
