from __future__ import annotations

import os
import sys
from threading import Event, Thread, get_native_id

import pytest

from index.yielding import NICE
from ui.admission import BUSY, Admission, AdmittingEngine, Busy


def hold(admission, let_go):
    """A thread that is in until it is let go."""
    inside = Event()

    def stay():
        with admission.place():
            inside.set()
            let_go.wait(60)

    thread = Thread(target=stay)
    thread.start()
    assert inside.wait(60)
    return thread


def test_who_finds_no_place_to_wait_is_told_at_once():
    admission, let_go = Admission(places=1, waiting=0), Event()
    thread = hold(admission, let_go)
    with pytest.raises(Busy, match="busy"), admission.place():
        pass
    let_go.set()
    thread.join(60)
    with admission.place():
        pass


def test_who_waits_too_long_is_told():
    admission, let_go = Admission(places=1, waiting=1, patience=0.01), Event()
    thread = hold(admission, let_go)
    with pytest.raises(Busy), admission.place():
        pass
    assert admission.waiting == 0
    let_go.set()
    thread.join(60)


def test_never_more_are_in_than_there_are_places_and_all_get_in():
    admission = Admission(places=3, waiting=100)
    inside, most, done = [], [], []

    def come(number):
        with admission.place():
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)
        done.append(number)

    threads = [Thread(target=come, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 60
    assert max(most) <= 3
    assert admission.waiting == 0


def test_an_error_gives_the_place_back():
    admission = Admission(places=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.place():
            raise ZeroDivisionError


def test_whatever_else_the_engine_has_is_passed_on(engine):
    admitting = AdmittingEngine(engine, Admission(places=1))
    assert admitting.ask("When does the harbour close?", top=1).citations
    assert admitting.told is engine.told
    with pytest.raises(AttributeError):
        _ = admitting._nothing


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux weighs single threads")
def test_threads_that_read_stand_back_and_the_main_one_does_not():
    class Tells:
        def ask(self, question):
            return os.getpriority(os.PRIO_PROCESS, get_native_id())

    admitting, told = AdmittingEngine(Tells(), Admission(places=1)), []
    own = admitting.ask("Why?")
    thread = Thread(target=lambda: told.append(admitting.ask("Why?")))
    thread.start()
    thread.join(60)
    assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == own
    assert told == [max(own, NICE)]


class Slow:
    """Answers when it is told to."""

    def __init__(self, engine):
        self._engine = engine
        self.asked, self.go_on = Event(), Event()

    def ask(self, question, **options):
        self.asked.set()
        assert self.go_on.wait(60)
        return self._engine.ask(question, **options)

    def article(self, article_id):
        return self._engine.article(article_id)


@pytest.mark.browser
def test_a_busy_page_says_so_and_answers_later(serve, engine, open_page, monkeypatch):
    import ui.app

    slow = Slow(engine)
    monkeypatch.setattr(ui.app, "Admission", lambda **_: Admission(places=1, waiting=0))
    url = serve(slow).url
    first, second = open_page(url), open_page(url)
    try:
        first.page.fill("#question textarea", "When does the harbour close?")
        first.page.click("#send")
        assert slow.asked.wait(60)
        second.ask("When does the harbour close?")
        assert second.page.inner_text("#chat .problem") == BUSY
        assert second.page.locator(".toast-wrap:visible, .toast-body").count() == 0
    finally:
        slow.go_on.set()
    first.wait_for_answers(1)
    second.ask("When does the harbour close?", answers=2)
    assert second.page.locator("#chat .answered").count() == 1
    assert not first.errors + second.errors + first.outside + second.outside


@pytest.mark.browser
def test_what_the_queue_itself_refuses_is_a_plain_line_and_the_question_is_not_lost(
    serve, engine, open_page, monkeypatch
):
    import ui.guard

    opened = open_page(serve(engine).url)
    monkeypatch.setattr(ui.guard, "MOST_UNDELIVERED", 0)
    opened.page.fill("#question textarea", "When does the harbour close?")
    opened.page.click("#send")
    opened.page.wait_for_selector("[data-testid=toast-text]")
    assert "busy" in opened.page.inner_text("[data-testid=toast-text]")
    assert "Traceback" not in opened.page.inner_text("body")
    assert opened.page.input_value("#question textarea") == "When does the harbour close?"
