"""What the demo company's world is made of: names, places, texts.

All invented. E-mail domains end in ``.example``; nobody owns them.
"""

from .companies import BASKETS, COMPANIES, ENQUIRERS, EQUIPMENT, FUNCTIONS, INDUSTRIES
from .deals import (
    ACTIVITIES,
    CALLS,
    CUSTOMER_MAILS,
    DEALS,
    DECLINES,
    FOLLOW_UPS,
    INTERNAL_NOTES,
    LOST_REASONS,
    MEETINGS,
    ORDER_ANSWERS,
    ORDER_MAILS,
    OUT_OF_OFFICE,
    REPLIES,
)
from .places import COUNTRIES, PEOPLE
from .process import (
    FRAME_ANSWERS,
    HANDOVERS,
    JUNK,
    MARKETER,
    NEWCOMERS,
    NEWCOMER_DEALS,
    WON_REASONS,
)
