"""What passes the gateway is counted, and held to budgets."""

import openai
import pytest
from openai import OpenAI

# The fixtures are used by their names.
from gateway import (BODIES, PATHS, PROVIDERS, bearer, daemon, message_of, own_daemon, shared, token,  # noqa: F401
                     token_of, upstream)
from upstream import COMPLETION, CONTENT, MESSAGE, RESPONSE, streamed, whole

CALLS = [
    ("openai", "/responses", RESPONSE, 0.002025), ("openai", "/chat/completions", COMPLETION, 0.002025),
    ("anthropic", "/v1/messages", MESSAGE, 0.00396),
    ("gemini", "/v1beta/models/gemini-2.5-flash:generateContent", CONTENT, None)]


@pytest.mark.parametrize("provider, path, body, cost", CALLS)
@pytest.mark.parametrize("form", ["whole", "streamed", "in pieces"])
def test_usage_is_read_out_of_what_passes(client, upstream, project, provider, path, body, cost, form):
    steps = {"whole": whole(body), "streamed": streamed(body), "in pieces": streamed(body, 7)}
    upstream.step = steps[form]
    made = token_of(client, project_id=project["id"])
    asked = {**BODIES[provider], "stream": form != "whole"}
    client.post(f"/gateway/{provider}{path}", json=asked, headers=bearer(made["token"])).raise_for_status()
    model = body.get("model") or body["modelVersion"]
    for grouping, key in {"provider": provider, "project": project["id"], "key": made["id"], "model": model}.items():
        groups = client.get("/api/v1/usage", params={"group_by": grouping}).json()["groups"]
        assert key in [group["key"] for group in groups], grouping
    (total,) = [group for group in client.get("/api/v1/usage").json()["groups"] if group["key"] == project["id"]]
    counts = [total[f"{kind}_tokens"] for kind in ("input", "cached", "output", "reasoning", "total")]
    assert counts == [1000, 200, 100, 0 if provider == "anthropic" else 40, 1100]
    assert (total["calls"], total["failed_calls"]) == (1, 0)
    if cost is not None:
        assert abs(total["cost_usd"] - cost) < 1e-9, total


def test_usage_is_summed_over_a_time(own_daemon, upstream):
    client = own_daemon.client()
    token = token_of(client)["token"]
    upstream.step = whole(RESPONSE)
    client.post("/gateway/openai/responses", json=BODIES["openai"], headers=bearer(token)).raise_for_status()
    (group,) = client.get("/api/v1/usage", params={"group_by": "day"}).json()["groups"]
    day = group["key"]
    for since, until, calls in [(day, None, 1), (None, day, 0), (f"{day}T00:00:00Z", "2999-01-01", 1), ("2999-01-01", None, 0)]:
        params = {name: value for name, value in {"since": since, "until": until}.items() if value}
        assert client.get("/api/v1/usage", params=params).json()["total"]["calls"] == calls
    for params in [{"since": "yesterday"}, {"until": "2026-1-1"}, {"group_by": "colour"}]:
        assert client.get("/api/v1/usage", params=params).status_code == 422


def test_what_makes_no_model_work_is_no_call(client, upstream, token):
    before = client.get("/api/v1/usage").json()["total"]["calls"]
    for method, path in [("GET", "openai/models"), ("POST", "anthropic/v1/messages/count_tokens"),
                         ("POST", "gemini/v1beta/models/gemini-2.5-flash:countTokens"), ("DELETE", "openai/files/x")]:
        client.request(method, f"/gateway/{path}", headers=bearer(token)).raise_for_status()
    assert client.get("/api/v1/usage").json()["total"]["calls"] == before


@pytest.mark.parametrize("limits, status, words", [
    ({"max_cost_usd": 0.0001}, 429, "budget of this token"), ({"max_tokens": 50}, 429, "tokens"),
    ({"max_cost_usd": 100, "model": "nobody-knows-it"}, 403, "has no price")])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_call_that_no_budget_reaches_for_is_not_made(client, upstream, provider, limits, status, words):
    model = limits.get("model")
    made = token_of(client, **{name: value for name, value in limits.items() if name != "model"})
    body = {**BODIES[provider], **({"model": model} if model else {})}
    path = PATHS[provider].replace("gemini-2.5-flash", model or "gemini-2.5-flash")
    answer = client.post(f"/gateway/{provider}{path}", json=body, headers=bearer(made["token"]))
    assert answer.status_code == status and words in message_of(provider, answer), answer.text
    assert answer.headers["x-should-retry"] == "false" and upstream.requests == []


def test_a_model_without_a_price_can_be_allowed(make_daemon, client, upstream):
    body = {**BODIES["openai"], "model": "nobody-knows-it"}
    upstream.step = whole({**RESPONSE, "model": "nobody-knows-it"})
    made = token_of(client, max_cost_usd=1, allow_unpriced_models=True)
    assert client.post("/gateway/openai/responses", json=body, headers=bearer(made["token"])).status_code == 200
    groups = client.get("/api/v1/usage", params={"group_by": "key"}).json()["groups"]
    assert [group["unpriced_calls"] for group in groups if group["key"] == made["id"]] == [1]
    other = make_daemon(OPENAI_BASE_URL=f"{upstream.url}/v1", ALLOW_UNPRICED_MODELS="true").client()
    made = token_of(other, max_cost_usd=1)
    assert other.post("/gateway/openai/responses", json=body, headers=bearer(made["token"])).status_code == 200


def test_a_budget_is_spent_and_then_the_sdk_gets_its_own_error(daemon, client, upstream):
    upstream.step = whole(RESPONSE)
    made = token_of(client, max_tokens=2500)
    with OpenAI(base_url=f"{daemon.url}/gateway/openai", api_key=made["token"]) as sdk:
        for _ in range(2):
            sdk.responses.create(model="gpt-5", input="Hi", max_output_tokens=100)
        with pytest.raises(openai.RateLimitError) as error:
            sdk.responses.create(model="gpt-5", input="Hi" * 200, max_output_tokens=100)
    assert error.value.code == "insufficient_quota" and len(upstream.requests) == 2
    budget = client.get(f"/api/v1/gateway/tokens/{made['id']}").json()["budget"]
    assert (budget["spent_tokens"], budget["reserved_tokens"]) == (2200, 0)
