from datetime import UTC, datetime, timedelta

from freqtrade_ext.plan.attempts import MAX_TRIES, next_attempt

START = datetime(2024, 1, 1, tzinfo=UTC)


def test_what_moves_nothing_is_asked_ever_more_slowly_and_then_no_more():
    attempt, asked = None, []
    for second in range(0, 3 * 3600, 5):
        made = next_attempt(attempt, stage=1, held=1.0, now=START + timedelta(seconds=second))
        if made is not None:
            attempt = made
            asked.append(second)
    assert asked == [0, 15, 45, 105, 225, 465, 945, 1905]
    assert len(asked) == MAX_TRIES


def test_progress_and_the_next_target_ask_at_once():
    first = next_attempt(None, stage=1, held=1.0, now=START)
    assert next_attempt(first, stage=1, held=1.0, now=START) is None
    assert next_attempt(first, stage=1, held=0.9, now=START).tries == 1
    assert next_attempt(first, stage=2, held=1.0, now=START).tries == 1
