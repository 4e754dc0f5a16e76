"""Prices without the taxes that stand in them."""


def untaxed_price(product, price, company):
    """Return ``price``, of a pricelist, without taxes: lists have those of the product
    in their prices where the company sells so.
    """
    # sudo: a seller's price rests on taxes, which sellers need not read
    taxes = product.sudo().taxes_id._filter_taxes_by_company(company)
    details = taxes._get_tax_details(
        price, 1.0, rounding_method="round_globally", product=product
    )
    return details["total_excluded"]
