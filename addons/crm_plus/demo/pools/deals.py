"""What deals are about, and what is written and said about them."""
# ruff: noqa: E501 - tables of texts: one entry, one line

# (title of the deal, first mail of the customer)
DEALS = {
    "roaster": (
        (
            "Green Guji natural, next harvest",
            "we are looking for {n} bags of a clean natural Guji for our seasonal espresso. Could you send an offer sample and tell us when the new crop lands?",
        ),
        (
            "Base component for espresso blend",
            "our Brazilian component has become inconsistent and we would like to compare. We need about {n} bags a quarter, screen 16 and up. Is your Cerrado still available?",
        ),
        (
            "Spot lots of washed Antigua",
            "your spot list shows washed Antigua. Would you hold {n} bags for us until the cupping on Friday?",
        ),
        (
            "Decaf green, sugar cane process",
            "two of our wholesale customers ask for a better decaf. Do you have sugar cane EA lots in store, and what would {n} bags cost delivered?",
        ),
        (
            "Kenyan AA for the filter range",
            "we liked the Nyeri at the fair very much. Can we cup it again with the two other lots you mentioned?",
        ),
        (
            "Yearly contract, four origins",
            "we would like to fix our main origins for the coming year instead of buying spot. Around {n} bags in all, four call-offs. When can we talk?",
        ),
    ),
    "cafe": (
        (
            "House espresso for {n2} locations",
            "we are opening another shop and want one espresso that works with oat milk on all bars. Could we come by for a tasting, or do you send samples?",
        ),
        (
            "Switch from current roaster",
            "our present roaster changed the blend without telling us, and guests notice. We use about {n} kilos a month. What would you propose?",
        ),
        (
            "Guest filter coffee",
            "we rotate a guest filter every month and would love to have one of yours in autumn. What is the smallest quantity you deliver?",
        ),
        (
            "New grinder and coffee subscription",
            "our grinder is at its end. We heard you place machines with a coffee contract. How does that work?",
        ),
        (
            "Coffee for food market stand",
            "from next month on we run a stand at the weekend market, about {n} kilos a month. Can you deliver on Thursdays?",
        ),
    ),
    "hotel": (
        (
            "Breakfast coffee, {n} kg a month",
            "guest comments on our breakfast coffee are, politely, mixed. We serve 90 to 140 guests a day from two batch brewers. What do you suggest?",
        ),
        (
            "Coffee for rooms and lobby",
            "we are refurbishing and want to replace the capsules in the rooms by drip bags. Do you make them with our logo?",
        ),
        (
            "Barista training and house blend",
            "we would like a house blend for the lobby bar and a training day for six people. Which dates are free?",
        ),
        (
            "Tender: coffee supply for the season",
            "please find our request attached. We need prices for {n} kg a month from May to October, including service of the brewers.",
        ),
    ),
    "office": (
        (
            "Office coffee for {n5} people",
            "we have two bean-to-cup machines and about {n5} thirsty colleagues. Could you send samples and a price per kilo with monthly delivery?",
        ),
        (
            "Coffee corner in the new building",
            "we move in spring and plan a coffee corner with a proper espresso machine. Do you advise on machine, water and coffee together?",
        ),
        (
            "Replace vending contract",
            "our vending contract ends in three months. We would like beans that people actually enjoy. What do you need to know from us?",
        ),
    ),
    "bakery": (
        (
            "Crema for five branches",
            "coffee makes a third of our turnover, and I think it could be better. We use {n} kilos a month in five branches. May I invite you for a visit?",
        ),
        (
            "Coffee and takeaway cups",
            "we need a medium roast that stands milk, and compostable cups from the same supplier if possible.",
        ),
        (
            "Trial week with new espresso",
            "could we try your House espresso for one week in our main shop before we decide?",
        ),
    ),
    "shop": (
        (
            "Retail bags, first listing",
            "our customers ask for freshly roasted coffee. We would start with {n} bags in three sorts. What margin do you recommend, and how long is the shelf life?",
        ),
        (
            "Christmas gift sets",
            "we plan gift sets with two coffees and a small filter. Could you pack them for us by the end of November?",
        ),
        (
            "Refill station for loose beans",
            "we sell without packaging. Do you deliver beans in buckets that you take back?",
        ),
    ),
}

# our first answer, further answers, and what customers write then
REPLIES = (
    "thank you for writing. Yes, we can do that. I put two samples in the post today and will call you on Thursday to hear what you think.",
    "many thanks for your enquiry. Let me ask two things so that the offer fits: which machine and grinder do you use, and how much do you need in a quiet week?",
    "good to hear from you. I have reserved the quantity for seven days and attach our current list. Delivery is two working days after the order.",
    "thanks for your message. I would like to show you the coffees rather than describe them: would Tuesday or Wednesday next week suit you for a cupping?",
    "thank you, that sounds like a good fit. I will prepare a proposal with prices for two quantities, so you can compare.",
)
FOLLOW_UPS = (
    "have the samples arrived well? The blue one is the roast that I would start with.",
    "I wanted to follow up on our proposal. Is there anything that you miss in it?",
    "as promised, here are the prices for the larger quantity. From 40 kg on, delivery is free.",
    "the new lot has cleared customs and cups beautifully: jasmine, peach, a little cocoa. Shall I send 300 g for you to try?",
    "we could start in the first week of next month. Would that be in time for you?",
)
CUSTOMER_MAILS = (
    "thank you, the samples arrived this morning. First impression is very good, we will brew them with the team tomorrow.",
    "sorry for the silence, it was a busy week. Tuesday works well for us, around ten?",
    "the second coffee is our favourite. Could you tell me the price with delivery every two weeks?",
    "our budget is a little tight this quarter. Is there room in the price if we commit to a year?",
    "one more question: how long do you store the reserved bags for us?",
    "I talked to my partner and we would like to go ahead. What do you need from us?",
    "could you change the delivery address on the offer? The rest is fine.",
    "we have a second offer on the table now. Yours is the better coffee, but please have another look at the machine rental.",
)
DECLINES = (
    "thank you for the effort. We have decided to stay with our present supplier for another year.",
    "unfortunately our investor has stopped the project. I will come back to you if that changes.",
    "your coffee was the best in the cup, but the price is too far from what we can pay.",
    "we went with a roaster from our town in the end. No hard feelings, I hope.",
)
OUT_OF_OFFICE = (
    "I am out of the office until Monday and read my mail only now and then. In urgent cases please call our front desk.",
    "Thank you for your message. We are closed for inventory this week and will answer as soon as we can.",
)
CALLS = (
    "Talked about quantities; they decide by the end of the month.",
    "Samples discussed. Wants the darker roast a little lighter.",
    "Reached the owner at last. Asked for a call back after the weekend.",
    "Explained the machine rental. They compare it with leasing.",
    "Price is fine, delivery days are the question. Thursday would work.",
    "Left a message with the shift leader.",
)
MEETINGS = (
    "Cupping with {company}",
    "Visit at {company}",
    "Tasting: {company}",
    "Video call with {company}",
)
ORDER_MAILS = (
    "please find our quotation {order} attached. It is valid for two weeks. I am looking forward to your order.",
    "as agreed on the phone, here is quotation {order}. Once you confirm, we roast on the next Tuesday or Thursday.",
    "attached is {order} with both quantities. Please sign online or answer this mail.",
)
ORDER_ANSWERS = (
    "looks good, please go ahead.",
    "confirmed, thank you. Please deliver before noon.",
    "all right from our side. Please put our order number on the invoice.",
)
ACTIVITIES = (
    ("call", "Ask how the samples taste"),
    ("call", "Call back about delivery days"),
    ("email", "Send the price list for next season"),
    ("email", "Send proposal with two quantities"),
    ("meeting", "Plan a cupping"),
    ("todo", "Pack samples"),
    ("todo", "Check machine availability"),
    ("call", "Follow up on quotation"),
)
INTERNAL_NOTES = (
    "Uses a La Fontana two-group, water is hard: filter needed.",
    "Pays on time. Asks each year for the harvest report.",
    "Decision is made by the sister of the owner, see her too.",
    "Wants the certificate of the organic lots with each delivery.",
)
LOST_REASONS = ("price", "local", "postponed", "silent", "taste", "stock")
