"""A user's own script in a fork of the warm process: only the time it takes tells it from a fresh interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_cloud.sagemaker.warm.image import warm_image
from tests.unit.local_cloud.sagemaker.test_warm import PATIENCE, PROJECT, Asked, asked, image  # noqa: F401 - fixtures

pytestmark = pytest.mark.skipif(warm_image((Path(PROJECT),)) is None, reason="forks can be watched on Linux only")
IS_WARM = "import sys; print('warm' if 'pandas' in sys.modules else 'cold')"
SAME = {
    "its surroundings": """
import os, sys
print(sys.argv, sys.path, __file__, __name__, os.getcwd(), sorted(globals()))
print(sys.modules['__main__'].__dict__ is globals())
print(sorted(name for name in os.environ if name != '_'))
""",
    "an error": "def broken():\n    raise ValueError('no')\nbroken()",
    "a syntax error": "if",
    "a number as exit code": "import sys; sys.exit(3)",
    "a text as exit code": "import sys; sys.exit('that was wrong')",
    "success by exit": "raise SystemExit",
    "exit handlers": "import atexit; atexit.register(print, 'bye'); print('there')",
    "threads that outlive it": """
import threading, time
def work():
    time.sleep(0.05)
    print('late')
threading.Thread(target=work).start()
print('main ends')
""",
    "children of its own": """
import multiprocessing
def double(x):
    return 2 * x
if __name__ == '__main__':
    with multiprocessing.get_context('fork').Pool(1) as pool:
        print(pool.map(double, [1, 2]))
""",
    "objects of its own in a pickle": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))))",
    "a sudden end": "import os; os.abort()",
    "files of its own": "import helpers; print(helpers.__file__)",
    "a package of its own named like ours": """
import sys
sys.path.insert(0, 'own')
import processing
print(processing.X)
""",
    "our package": "from rightpack import layout; import processing.prepare; print(layout.__name__)",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_a_script_does_the_same_in_a_fork(asked: Asked, text: str) -> None:  # noqa: F811
    asked.script("", "code/helpers.py")
    asked.script("X = 'mine'", "own/processing/__init__.py")
    asked.script(text, "code/step.py")
    warm, cold = asked.both("code/step.py", "--one", "two")
    assert warm == cold


def test_a_script_finds_the_libraries_imported(asked: Asked) -> None:  # noqa: F811
    asked.script(IS_WARM)
    assert asked.both("step.py") == (("warm\n", 0), ("cold\n", 0))


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "PYTHONHASHSEED", "LD_LIBRARY_PATH", "TZ"])
def test_variables_that_are_read_once_need_a_fresh_interpreter(asked: Asked, name: str) -> None:  # noqa: F811
    asked.environment[name] = "1"
    asked.script(IS_WARM)
    assert asked.both("step.py")[0] == ("cold\n", 0)


def test_a_file_beside_the_script_is_not_hidden_by_a_library(asked: Asked) -> None:  # noqa: F811
    asked.script("print('mine')", "code/pandas.py")
    asked.script("import pandas", "code/step.py")
    assert asked.both("code/step.py")[0] == ("mine\n", 0)


def test_a_script_that_is_not_there_is_said_to_be_missing_by_the_interpreter(asked: Asked) -> None:  # noqa: F811
    warm, cold = asked.both("nowhere.py")
    assert warm == cold
    assert warm[1] == 2


def test_chance_differs_from_fork_to_fork(asked: Asked) -> None:  # noqa: F811
    asked.script("import random, numpy; print(random.random(), numpy.random.rand())")
    said = [asked.plain(["python", "step.py"]).communicate(timeout=PATIENCE)[0].split() for _ in range(2)]
    assert said[0][0] != said[1][0]
    assert said[0][1] != said[1][1]
