"""Work shared by threads: in order, not too far ahead, and stopped when it should be."""

import threading
import time

import pytest

from sr_arn.system.threads import available_cores, in_order


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_results_come_in_order(workers, count):
    def work(n):
        time.sleep(0.002 * (n % 3))
        return n * n

    assert list(in_order(work, range(count), workers)) == [n * n for n in range(count)]


def test_items_are_taken_as_they_are_needed():
    taken = []

    def items():
        for n in range(100):
            taken.append(n)
            yield n

    results = in_order(lambda n: n, items(), 2)
    assert taken == []
    assert next(results) == 0
    assert len(taken) <= 5
    results.close()
    assert len(taken) <= 5


def test_a_failure_is_raised_in_its_place_and_ends_the_work():
    done, alive = [], threading.active_count()

    def work(n):
        time.sleep(0.005)
        if n == 2:
            raise ValueError("two")
        done.append(n)
        return n

    results = in_order(work, range(1000), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert len(done) < 10
    assert threading.active_count() == alive


def test_only_cores_that_the_process_may_use_are_counted(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {3, 5, 6}, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert available_cores() == 3
    monkeypatch.delattr("os.sched_getaffinity")  # as on macOS and Windows
    assert available_cores() == 8
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert available_cores() == 1
