"""What stands around the results in the OpenAPI document."""

from jsonschema import Draft202012Validator

from rpcbackend.contract.openrpc import build_openrpc
from rpcbackend.mirror.openapi_parts import own_schemas
from tests.mirror.test_openapi import DOCUMENT, REGISTRY, at
from tests.mirror.web import Web


def test_what_answers_are_wrapped_in_hides_no_model_of_a_channel() -> None:
    models = build_openrpc(REGISTRY)["components"]["schemas"]

    # A job that failed says the same of it as a call does.
    assert own_schemas().keys() & models.keys() == {"ErrorResponse"}
    assert own_schemas()["ErrorResponse"]["properties"].keys() == (
        models["ErrorResponse"]["properties"].keys()
    )


async def test_refusals_are_what_the_document_says(web: Web, token: str) -> None:
    components = {"components": DOCUMENT["components"]}
    for accept, model in (("application/json", "Failure"), ("application/problem+json", "Problem")):
        answer = await web.post("/api/students.get", {"studentId": 1}, token, Accept=accept)

        schema = {"$ref": f"#/components/schemas/{model}"} | components
        Draft202012Validator(schema).validate(answer.json())
        content = at(f"#/components/responses/{answer.status_code}")["content"]
        assert answer.headers["content-type"] in content
