"""A conversation on the page, with a server that writes as slowly as a reader likes."""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ftui import jobs
from ftui.core import recipe
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.ui import chat, playground_tab, turns

SETTINGS = (False, "", 0.7, 0.9, 0, 1.1, 8, "")
SAID = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


@pytest.fixture
def words(monkeypatch):
    """Let go for each word that the server is to write; `asked` holds the conversations that it was sent."""
    go_on, asked = threading.Semaphore(0), []

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body.get("messages"))
            self.send_response(200)
            self.end_headers()
            for word in ("one", " two", " three"):
                go_on.acquire()
                with contextlib.suppress(BrokenPipeError):  # nobody listens any more
                    self.wfile.write(f"data: {json.dumps({'choices': [{'delta': {'content': word}, 'text': word}]})}\n".encode())
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(b"data: [DONE]\n")

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=http.serve_forever).start()
    monkeypatch.setattr(jobs, "serving", lambda run: f"http://127.0.0.1:{http.server_port}")
    monkeypatch.setattr(chat, "OFTEN", 0)
    go_on.asked = asked
    yield go_on
    go_on.release(9)
    http.shutdown()
    http.server_close()


@pytest.fixture
def nobody() -> str:
    """An address at which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def test_the_box_is_emptied_once_and_only_what_grows_is_sent(home: Home, finished, words):
    words.release(3)
    first, *rest = chat.send(home, "en", finished.id, "hi", chat.Talk(), *SETTINGS)
    assert first[0] == "" and first[1] == SAID[:1]
    same = {"__type__": "update"}
    assert len(rest) == 4 and all(box == base == kept == same for box, _, base, kept, _ in rest)
    assert [shown[-1]["content"] for _, shown, *_ in rest] == ["one", "one two", "one two three", "one two three"]


@pytest.mark.parametrize("how", ["a new conversation", "another run"])
def test_an_answer_that_is_being_written_does_not_outlive_its_conversation(home: Home, finished, words, how):
    words.release()
    answer = chat.send(home, "en", finished.id, "hi", chat.Talk(), *SETTINGS)
    *_, talk, _ = next(answer)
    assert next(answer)[1][-1]["content"] == "one"
    if how == "another run":
        chat.show(home, "en", "", talk)
    else:
        chat.clear(home, "en", talk)
    assert list(answer) == [], "also while the server says nothing"
    words.release(2)

    words.release(3)
    *_, (_, shown, *_) = chat.send(home, "en", finished.id, "again", talk, *SETTINGS)
    assert [message["content"] for message in shown] == ["again", "one two three"]
    assert words.asked[-1] == [{"role": "user", "content": "again"}]


def stopped_after_a_word(home, run, words, settings) -> chat.Talk:
    words.release()
    answer = chat.send(home, "en", run.id, "hi", chat.Talk(), *settings)
    *_, talk, _ = next(answer)
    next(answer)
    turns.stop(home, "en", talk)
    assert list(answer) == []
    return talk


def test_a_conversation_goes_on_after_a_stop(home: Home, finished, words):
    talk = stopped_after_a_word(home, finished, words, SETTINGS)
    words.release(5)
    list(chat.send(home, "en", finished.id, "go on", talk, *SETTINGS))
    assert [message["content"] for message in words.asked[-1]] == ["hi", "one", "go on"]


def test_a_stop_before_the_other_model_was_asked_leaves_it_nothing_to_answer(home: Home, finished, words):
    beside = (True, *SETTINGS[1:])
    talk = stopped_after_a_word(home, finished, words, beside)
    words.release(8)
    list(chat.send(home, "en", finished.id, "go on", talk, *beside))
    assert [[message["content"] for message in messages] for messages in words.asked[1:]] == [["hi", "one", "go on"], ["go on"]]


def test_what_could_not_be_said_is_back_in_its_box(home: Home, finished, nobody, monkeypatch):
    """It is not part of the conversation, which would else have two messages of one side."""
    monkeypatch.setattr(jobs, "serving", lambda run: nobody)
    talk = chat.Talk(said={"model": list(SAID), "base": []})
    *_, (box, shown, _, _, notice) = chat.send(home, "en", finished.id, "hi", talk, True, *SETTINGS[1:])
    assert box == "hi" and shown == talk.said["model"] == SAID and talk.said["base"] == [] and 'role="alert"' in notice


def test_another_question_ends_the_answer_to_the_first(home: Home, finished, words, monkeypatch):
    """Also while the server says nothing; what it says later is nobody's."""
    made = recipe.load(finished.recipe)
    made = made.model_copy(update={"task": "text-generation", "data": made.data.model_copy(update={"columns": {"text": "text"}})})
    finished.recipe.write_text(recipe.dump(made), encoding="utf-8")
    (finished.model / "ftui.json").write_text(json.dumps({"task": "text-generation", "talks": False}))
    now, chosen = turns.Turns(), (False, 0, 1, 0, 1, 1, 8, "")
    words.release()
    first = playground_tab.ask(home, "en", finished.id, "hi", "", False, [], now, *chosen)
    assert "one" in next(first)[0]
    second = playground_tab.ask(home, "en", finished.id, "again", "", False, [], now, *chosen)
    words.release(9)
    assert "one" in next(second)[0] and list(first) == []
    shown, *_, history = list(second)[-1]
    assert "one two three" in shown and [one for one, _ in history] == [("again",)]
    third = playground_tab.ask(home, "en", finished.id, "more", "", False, [], now, *chosen)
    assert "one" in next(third)[0]
    turns.stop(home, "en", now)
    assert list(third) == []


def test_what_goes_wrong_while_it_is_waited_for_is_raised_there(nobody):
    with pytest.raises(UserError):
        list(turns.pieces_of(nobody, "/v1/completions", {}))
