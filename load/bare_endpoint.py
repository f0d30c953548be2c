"""The least that a Serve endpoint can do with a submission: parse it and return it. Accept is compared with it.

No postponed annotations here: Serve gives FastAPI the class by value, which then could not resolve them.
"""

from fastapi import FastAPI, Request, Response
from ray import serve

from channels.web_form.submission import Submission

ROUTE = "/bare"
_OF_THE_INGRESS = {"num_replicas": 2, "max_ongoing_requests": 200, "ray_actor_options": {"num_cpus": 0.01}}

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@serve.deployment(**_OF_THE_INGRESS)
@serve.ingress(app)
class Bare:
    """As many replicas as the real ingress has at rest."""

    @app.post("/submit")
    async def submit(self, request: Request) -> Response:
        submission = Submission.model_validate_json(await request.body())
        return Response(submission.model_dump_json(), 201, media_type="application/json")


application = Bare.bind()  # type: ignore[attr-defined]  # Serve's decorator has no types


def with_bare_endpoint(config: dict[str, object]) -> dict[str, object]:
    """A Serve configuration with this application beside what it has."""
    applications = config["applications"]
    assert isinstance(applications, list), "a rendered configuration lists its applications"
    bare = {"name": "bare", "route_prefix": ROUTE, "import_path": "load.bare_endpoint:application"}
    return {**config, "applications": [*applications, bare]}
