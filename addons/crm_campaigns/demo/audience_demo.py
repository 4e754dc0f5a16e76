from datetime import timedelta

from odoo import api, models

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

LIST_DAYS = 64
LEFT_DAYS = 17
GONE_DAYS = 6


class CrmPlusDemo(models.AbstractModel):
    """Segments of what mails tell, and a mailing list that follows a segment."""

    _inherit = "crm.plus.demo"

    @api.model
    def _load_audience(self):
        """Let the list follow its segment, some leave it, some unsubscribe, once."""
        if not self._is_demo_database():
            return
        env = self._get_env().env
        mailing_list = env.ref("crm_campaigns.demo_list_roast")
        if mailing_list.move_count:
            return
        writer = BaseWriter(env, self._get_demo_now())
        mailing_list._sync()
        self._date_moves(writer, mailing_list, LIST_DAYS)
        members = mailing_list.segment_id.member_ids.sorted("partner_id")
        leaving = members.partner_id[3:30:9]
        mailing_list.segment_id._pin(
            leaving, "out", "Asked on the phone to be left out"
        )
        mailing_list._sync()
        self._date_moves(writer, mailing_list, LEFT_DAYS)
        subscriptions = mailing_list.subscription_ids.sorted("id")
        subscriptions[5:25:10].write(
            {
                "opt_out": True,
                "opt_out_datetime": writer.now - timedelta(days=GONE_DAYS),
            }
        )
        subscriptions[8:9].unlink()
        mailing_list._sync()
        self._date_moves(writer, mailing_list, GONE_DAYS)
        clicks = env["crm.touchpoint"]._read_group(
            [("kind_id.code", "=", "campaign_clicked"), ("is_machine", "=", False)],
            ["partner_id"],
            ["date:min"],
        )
        since = writer.now - timedelta(days=LIST_DAYS)
        for code, moments in (
            ("clicked", {partner.id: date for partner, date in clicks}),
            ("readers", dict.fromkeys(mailing_list.contact_ids.ids, since)),
        ):
            writer.join(env.ref(f"crm_campaigns.demo_segment_{code}"), moments)
        writer.harvest()
        writer.forget_today()

    @api.model
    def _date_moves(self, writer, mailing_list, days):
        """What has just been logged was so many days ago."""
        moment = writer.now - timedelta(days=days)
        moves = self.env["crm.mailing.list.move"].search(
            [("list_id", "=", mailing_list.id), ("create_date", ">", writer.now)]
        )
        writer.put("crm.mailing.list.move", "create_date", dict.fromkeys(moves, moment))
        writer.put(
            "crm.segment.member",
            "date_left",
            {
                member: moment
                for member in mailing_list.segment_id.member_ids
                if member.date_left and member.date_left > writer.now
            },
        )
