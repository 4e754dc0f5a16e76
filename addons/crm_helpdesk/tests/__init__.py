from . import test_case_mail
from . import test_demo
