"""The guard in front of every route."""

from __future__ import annotations

import base64

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from webui.api.guard import ADDRESSES, BODY_LIMIT, FREE_GUESSES, Guard, Guesses
from webui.core.visitors import host_name, is_loopback


def client(**arguments: object) -> TestClient:
    app = FastAPI()

    @app.get("/who")
    def who(request: Request) -> str:
        return request.cookies["easel"]

    @app.post("/act")
    def act() -> str:
        return "done"

    return TestClient(Guard(app, **arguments), base_url="http://127.0.0.1:7860")


def test_everybody_gets_one_secret_and_keeps_it():
    ann, bob = client(), client()
    secret = ann.get("/who").json()
    assert len(secret) >= 32
    assert ann.get("/who").json() == secret
    assert bob.get("/who").json() != secret
    cookie = client().get("/who").headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "cookie", ["easel=short", 'easel="', "easel=" + "x" * 500, "easel=ünïcodeünïcodeünïcode", "\x00"]
)
def test_a_strange_cookie_is_replaced(cookie: str):
    answer = client().get("/who", headers={"cookie": cookie.encode("latin-1")})
    assert answer.status_code == 200
    assert len(answer.json()) == 32


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "[::2]"])
def test_a_foreign_name_is_not_answered(host: str):
    assert client().get("/who", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "LOCALHOST", "[::1]:7860", "studio.lan"])
def test_our_own_names_are_answered(host: str):
    assert client(hosts=["studio.lan"]).get("/who", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_another_page_cannot_act(headers: dict[str, str]):
    assert client().post("/act", headers=headers).status_code == 403


def test_our_own_page_can_act():
    assert (
        client().post("/act", headers={"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}).status_code
        == 200
    )


def test_the_password_guards_everything():
    guarded = client(password="six quiet words")
    right = base64.b64encode(b"anybody:six quiet words").decode()
    wrong = base64.b64encode(b"anybody:six loud words").decode()
    assert guarded.get("/who").status_code == 401
    assert guarded.get("/who", headers={"authorization": f"Basic {wrong}"}).status_code == 401
    assert guarded.get("/who", headers={"authorization": "Basic %%%"}).status_code == 401
    assert guarded.get("/who", headers={"authorization": f"Basic {right}"}).status_code == 200


def test_a_password_cannot_be_guessed_for_long():
    guarded = client(password="word")

    def guess(word: str) -> int:
        told = base64.b64encode(f"any:{word}".encode()).decode()
        return guarded.get("/who", headers={"authorization": f"Basic {told}"}).status_code

    for _ in range(3):  # now and then a wrong one is forgiven
        assert [guess(f"w{k}") for k in range(FREE_GUESSES - 1)] == [401] * (FREE_GUESSES - 1)
        assert guess("word") == 200
    assert {guess(f"w{k}") for k in range(FREE_GUESSES)} == {401}
    assert guess("another") == 429 and guess("word") == 429, "also the right one is not heard"
    assert guarded.get("/who").status_code == 401, "who only asks is told what is wanted"


def test_each_wrong_password_costs_more_and_others_wait_for_nobody():
    now = 0.0
    guesses = Guesses(lambda: now)
    waits = []
    for number in range(FREE_GUESSES + 12):
        guesses.wrong("192.0.2.1", f"word {number}")
        waits.append(guesses.wait("192.0.2.1"))
        now += waits[-1]
        assert guesses.wait("192.0.2.1") == 0
    assert waits[: FREE_GUESSES - 1] == [0] * (FREE_GUESSES - 1)
    assert waits[FREE_GUESSES - 1 :][:3] == [30, 60, 120] and waits[-1] == 3600
    assert guesses.wait("192.0.2.2") == 0
    for _ in range(FREE_GUESSES + 1):
        guesses.wrong("192.0.2.3", "what its browser remembers")
    assert guesses.wait("192.0.2.3") == 0, "a page that was left open guesses nothing"
    for k in range(FREE_GUESSES):
        guesses.wrong(f"2001:db8::{k}", f"word {k}")
    assert guesses.wait("2001:db8::ffff") > 0 and guesses.wait("2001:db8:0:1::1") == 0
    for k in range(ADDRESSES + 5):
        guesses.wrong(f"10.{k}", "word")
    assert len(guesses._wrong) == ADDRESSES


def test_a_giant_body_is_refused_before_it_is_read():
    assert client().post("/act", headers={"content-length": str(10**9)}).status_code == 413


def test_names_and_addresses():
    assert host_name("Example.ORG:80") == "example.org"
    assert host_name("[::1]:80") == "::1"
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("192.168.1.2")


def test_a_body_in_chunks_is_taken_in_up_to_the_limit_only():
    read = 0

    async def app(scope: object, receive: object, send: object) -> None:
        nonlocal read
        while (message := await receive())["type"] == "http.request" and message.get("more_body"):
            read += len(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["type"].encode()})

    chunks = (bytes(2**20) for _ in range(BODY_LIMIT // 2**20 + 20))
    answer = TestClient(Guard(app), base_url="http://127.0.0.1:7860").post("/act", content=chunks)
    assert answer.text == "http.disconnect"
    assert read <= BODY_LIMIT


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "///"])
def test_an_origin_that_cannot_be_read_is_another_page(origin: str):
    assert client().post("/act", headers={"origin": origin}).status_code == 403
