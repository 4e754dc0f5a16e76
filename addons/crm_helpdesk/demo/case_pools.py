"""What customers of the demo company ask for, and how they are answered."""
# ruff: noqa: E501 - tables of texts: one entry, one line

# team, tag, subject, what the customer writes, our first answer, the customer again, the end
TOPICS = (
    (
        "care",
        "delivery",
        "Delivery {order}: two bags missing",
        "we have unpacked {order} and two bags are missing. The box was closed properly. Could you check?",
        "sorry about that. I have asked the warehouse to look at the packing scale record of {order} and will come back to you today.",
        "thank you. We have coffee until Friday, so there is no panic yet.",
        "the scale shows that two bags were left behind, our mistake. They went out this morning at no charge, you have them tomorrow.",
    ),
    (
        "care",
        "delivery",
        "Where is {order}?",
        "your order confirmation promised {order} for yesterday, but nothing has arrived. Do you have a tracking number?",
        "the parcel is with the carrier, here is the tracking link. It should be with you before noon.",
        "found it: the neighbour had signed for it. But please tell the driver to ring at the side door.",
        "done, the side door is now in your delivery address. Thanks for telling us.",
    ),
    (
        "care",
        "quality",
        "Espresso tastes sour since last delivery",
        "since the last delivery our espresso runs fast and tastes sour. We have not changed anything on the grinder. Roast date on the bags is the 3rd.",
        "let us find out together: please let the bags rest four more days and grind two steps finer. If it is still sour then, we exchange the whole lot.",
        "two steps finer already helps a lot. We will test again on Monday with the rested beans.",
        "glad to hear that it is sweet again. I have noted for you to get beans that are at least seven days old.",
    ),
    (
        "care",
        "quality",
        "Stones in green coffee, lot from {order}",
        "we found three small stones in the second bag of {order}. Luckily before the grinder did. Photos are attached.",
        "thank you for the photos, that must not happen. Please set the bag aside, we inform the exporter and will send a replacement bag.",
        "set aside. We need the replacement before the 20th, the roast plan is full.",
        "the replacement bag from another lot has left the port warehouse. The credit note for the bad one follows.",
    ),
    (
        "care",
        "invoice",
        "Wrong address on the invoice",
        "the invoice for {order} still shows our old street. Our accountant needs the new one, please correct it.",
        "of course. I have changed the address in your account, new invoices carry the new one. I ask accounting about the old one.",
        "great. Do I have to pay the old one in the meantime?",
        "the corrected invoice is in your mail, same number and amount. Please pay this one.",
    ),
    (
        "care",
        "invoice",
        "Reminder although we paid",
        "we got a reminder for an invoice that we paid two weeks ago. Bank statement attached. Please check before you send the next one.",
        "thank you for the statement. The payment came without the invoice number, so it was not matched. I pass it on.",
        "next time we will write the number, promised.",
        "it is settled now and the reminder is cancelled. Sorry for the noise.",
    ),
    (
        "care",
        "return",
        "Return of unopened decaf",
        "we ordered too much decaf with {order}. May we send two unopened cases back?",
        "yes, unopened cases come back within 30 days. I will send you a label; please write {order} on the box.",
        "label received, the carrier picks it up tomorrow.",
        "the two cases arrived in good order, the credit note is on its way.",
    ),
    (
        "care",
        "question",
        "Organic certificate for inspection",
        "our inspection is next week and I need the organic certificate for the Guji lot of this spring.",
        "congratulations on being so early. The certificate of the lot is attached, the transaction certificate comes from our importer tomorrow.",
        "perfect. Is it also valid for the 250 g bags?",
        "yes, for all sizes of the lot. Both documents are attached now. Good luck with the inspection.",
    ),
    (
        "care",
        "question",
        "Change of delivery day",
        "from next month on we are closed on Tuesdays. Can you move our standing delivery to Wednesday?",
        "Wednesday is possible, in your area then after two in the afternoon. Would that be all right?",
        "after two is fine, there is always somebody until six.",
        "changed from the first of next month. The first Wednesday is in your confirmation.",
    ),
    (
        "care",
        "question",
        "How to store green coffee in summer",
        "our storage gets to 26 degrees in summer. How long can we keep the bags from {order}, and should we do something about humidity?",
        "up to three months is no problem in closed liners below 60 % humidity. Off the floor, off the wall, and use the naturals first.",
        "we have a humidity meter, it says 55 to 62 %.",
        "then put the open ones into bins and you are fine. I have sent you our storage sheet.",
    ),
    (
        "machine",
        "machine",
        "Grinder does not start",
        "our Tempo 65 hums, but does not turn any more. We are in the middle of service, please call!",
        "I tried to call you: please switch it off, take the hopper away and turn the burr by hand with the key. It sounds like a stone.",
        "there was a screw inside! It turns again, but the grind is uneven now.",
        "the burrs have a nick. A new pair is on its way, changing them takes ten minutes; video attached.",
    ),
    (
        "machine",
        "machine",
        "Brewer Duo leaks under the left side",
        "there is water under the left brewer every morning, about a cup. It stops when the machine is warm.",
        "that is most likely the seal of the drain valve. Could you send a photo of the type plate, so I order the right one?",
        "photo attached. The serial number ends in 417.",
        "our technician comes on Thursday between nine and eleven with the seal. It is covered by your contract.",
    ),
    (
        "machine",
        "machine",
        "Steam pressure too low on group machine",
        "the steam wand has become very weak, milk takes forever. Descaled last week.",
        "please check the gauge when the machine is hot: below 1.1 bar the switch wants adjusting, above it the tip is blocked.",
        "the gauge says 0.8.",
        "the pressure switch was replaced today. It is back at 1.3 bar, please watch it for some days.",
    ),
    (
        "machine",
        "machine",
        "Water filter: when to change?",
        "the display says 200 litres left. Do you send a new filter by yourself or do we have to order?",
        "with your contract we send it. I see that your hardness is set too low: please measure it with the strip in the box.",
        "strip says 14 degrees.",
        "then the filter is due at the end of the month. It is on its way, with the instructions to reset the counter.",
    ),
    (
        "machine",
        "machine",
        "Request for yearly service",
        "our machine is due for its yearly service. We are closed on Mondays, that would suit best.",
        "thank you for thinking of it. I have two Mondays for you, at eight or at ten. Which one?",
        "the first one at eight, please. Somebody will open.",
        "service done, gaskets and shower screens are new. The report is attached.",
    ),
)

# solved by the first answer, or on the phone: team, tag, subject, what the customer
# asks, our answer
QUICK = (
    (
        "care",
        "invoice",
        "Copy of an invoice",
        "our bookkeeper cannot find the last invoice. Could you send it once more?",
        "of course, it is attached. On our portal you find all of them under Invoices.",
    ),
    (
        "care",
        "delivery",
        "Are you delivering on Whit Monday?",
        "do you deliver on the holiday, or should we order a day earlier?",
        "we do not deliver on the holiday. Order until Thursday noon and it is there on Friday.",
    ),
    (
        "care",
        "question",
        "Which grind for the filter machine?",
        "we have a new filter machine for the office. Which grind do you recommend for your house blend?",
        "medium, about the size of coarse sand. On your grinder start with 22 and go finer if it runs through in less than four minutes.",
    ),
    (
        "care",
        "question",
        "How long does opened coffee keep?",
        "we use a kilo in about two weeks. Is that too slow for an open bag?",
        "two weeks are fine if you press the air out and keep it away from light and heat. Not in the fridge, please.",
    ),
    (
        "care",
        "invoice",
        "New address for invoices",
        "from next month on, invoices go to our head office. The address is in my signature.",
        "done: from now on invoices go to your head office, deliveries stay where they are.",
    ),
    (
        "machine",
        "machine",
        "Display asks for a code",
        "after a power cut the display asks for a code that nobody here knows.",
        "it is the one on the card inside the door, below the hinge. Type it once and press the tick: your settings are still there.",
    ),
    (
        "machine",
        "machine",
        "Which cleaning tablets?",
        "which tablets do we need for the daily cleaning, and how many at once?",
        "the small ones, number 2 on the list in the box: one a day in the blind filter, twice a week also in the brewing group.",
    ),
)
# it was not solved: the customer, and our answer
AGAIN = (
    (
        "I am sorry to come back: it is the same again since this morning.",
        "thank you for telling us at once. We have found what we had overlooked, and it is put right now.",
    ),
    (
        "it worked for a day. Now we are where we were before.",
        "that should not have happened. The part is changed for good this time, and I will ask you again in a week.",
    ),
)

FEEDBACK = {
    5: (
        "Fast and friendly, thank you.",
        "Solved within the hour. Great.",
        "You really know machines.",
        "",
    ),
    4: ("", "All good in the end.", "Helpful."),
    3: ("Took a little long.", "", "Would have liked a call."),
    1: ("We waited four days for an answer.", "Still not happy about the stones."),
}
NOTES = (
    "Third time this quarter, see the other cases.",
    "Asked the warehouse, waiting for the packing record.",
    "Contract covers parts and travel.",
    "Be careful: big customer, contract talks in spring.",
)
