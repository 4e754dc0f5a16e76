from . import test_touchpoint
