"""The running system's HTTP door, opened with the operator key."""

from __future__ import annotations

from typing import Any


def ask(
    method: str,
    path: str,
    *,
    params: dict[str, str] | None = None,
    body: object = None,
    asked: str = "what was asked",
) -> Any:
    """The JSON answer. `asked` names the input in what a refusal says; of a `body` the refusal names the field.

    Raises DependencyAway when the system does not answer; NotAuthorized, NotFound, Conflict or BadInput as it says.
    """
    import httpx

    from agent.errors import BadInput, Conflict, DependencyAway, NotAuthorized, NotFound
    from serve_app.settings import load_settings

    settings = load_settings()
    key = settings.operator_key.get_secret_value()
    try:
        answer = httpx.request(
            method, f"{settings.base_url}{path}", params=params, json=body, timeout=10, trust_env=False,
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip
    except httpx.HTTPError as error:
        raise DependencyAway(f"{settings.base_url} does not answer; start the system with `fte up`") from error
    match answer.status_code:
        case 401:
            raise NotAuthorized("the operator key is not accepted; is FTE_HOME or FTE_OPERATOR_KEY another's?")
        case 404 | 409:
            raise (NotFound if answer.status_code == 404 else Conflict)(str(answer.json()["detail"]))
        case 422:
            problem = answer.json()["detail"][0]
            raise BadInput(asked if body is None else problem["field"], problem["problem"])
    if not answer.is_success:
        raise DependencyAway(f"{settings.base_url} answers {answer.status_code}; try again")
    return answer.json()
