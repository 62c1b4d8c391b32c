"""Words of product titles. All brands are invented."""

from __future__ import annotations

from typing import Final

NOUNS: Final = {
    "textile": "T-Shirt|Hoodie|Bath Towel|Scarf|Socks|Pillow Case|Jeans|Rain Jacket|Blanket|Backpack|Sneakers|Curtain",
    "paper": "Notebook|Novel|Wall Calendar|Cookbook|Sketch Pad|Board Book|Poster|Travel Guide|Paperback|Greeting Cards",
    "soft-plastic": "Shower Curtain|Yoga Mat|Swim Ring|Storage Bags|Dog Toy|Table Cover|Air Mattress|Silicone Mat",
    "rigid-plastic": "Storage Box|Lunch Box|Organizer|Building Bricks|Watering Can|Phone Case|Ruler Set|Laundry Basket",
    "metal": "Wrench Set|Frying Pan|Dumbbell|Hinges|Drill Bits|Bike Lock|Cutlery|Garden Shears|Saucepan|Toolbox",
    "glass-and-ceramic": "Vase|Mug|Bowl|Tumbler|Pitcher|Candle Holder|Plate|Picture Frame|Teapot|Lantern|Figurine",
    "electronics": "Headphones|Router|Keyboard|Smart Watch|Power Bank|Webcam|LED Lamp|Charger|Speaker|Tablet|Mouse",
    "wood": "Shelf|Side Table|Coat Rack|Stool|Cutting Board|Picture Frame|Bench|Bookcase|Planter|Night Stand",
    "bottled-liquid": "Shampoo|Perfume|Olive Oil|Body Lotion|Motor Oil|Cleaner|Face Serum|Conditioner|Syrup|Hand Soap",
    "dry-food": "Pasta|Biscuits|Coffee Beans|Cat Food|Cereal|Rice Crackers|Tea|Protein Powder|Spice Mix|Chips",
    "mixed-toy": "Play Set|Toy Car|Doll House|Puzzle|Train Set|Puppet|Science Kit|Board Game|Action Figure|Bubble Gun",
}
ADJECTIVES: Final = {
    "textile": "Cotton|Soft|Washable|Quilted|Knitted|Woven|Slim Fit|Organic",
    "paper": "Illustrated|Hardcover|Recycled|Lined|Pocket|Large Print|Bestselling|Spiral",
    "soft-plastic": "Foldable|Flexible|Inflatable|Waterproof|Non-Slip|Reusable",
    "rigid-plastic": "Stackable|BPA-Free|Transparent|Sturdy|Colourful|Lightweight",
    "metal": "Stainless Steel|Steel|Aluminium|Heavy Duty|Forged|Cast Iron|Chrome",
    "glass-and-ceramic": "Hand-Blown|Glazed|Handmade|Fine|Clear|Vintage|Modern",
    "electronics": "Wireless|USB-C|Bluetooth|Rechargeable|Smart|4K|Portable|Fast",
    "wood": "Oak|Bamboo|Solid Wood|Walnut|Pine|Rustic|Wooden",
    "bottled-liquid": "Moisturising|Natural|Concentrated|Fragrance-Free|Herbal|Refill",
    "dry-food": "Roasted|Whole Grain|Gluten-Free|Crunchy|Organic|Salted|Family Size",
    "mixed-toy": "Magnetic|Educational|Funny|Wooden|Glow|Giant|Classic",
}
ANY_NOUN: Final = "Set|Starter Kit|Bundle|Refill Pack|Gift Box|Accessory|Replacement Part|Travel Kit|Essentials"
ANY_ADJECTIVE: Final = "Premium|Classic|New|Compact|Deluxe|Everyday|Professional|Mini"
GLASS: Final = "Glass|Crystal|Ceramic|Porcelain|Stoneware"
FRAGILE: Final = "Fragile|Handle With Care|Delicate|Breakable"
VOLUME: Final = "100 ml|250 ml|500 ml|750 ml|1 L|2 x 300 ml"
VARIANT: Final = (
    "Black|White|Blue|Red|Green|Grey|Small|Medium|Large|XL|Set of 2|Set of 4|Pack of 6|2 Pack|2026 Edition|Pink|Natural"
)
BRANDS: Final = (
    "Lumora|Kestrel|Ondavi|Brindle|Halvorn|Pinecrest|Novaleaf|Tremont|Quillby|Sundara|Aldric|Mirelle|Fjordan|Copperwell|"
    "Zephyra|Oakhurst|Velmora|Dandel|Ironvale|Petalin|Rookwood|Salvia|Tandria|Umberly|Wrenfield|Yarrow|Arcwell|Bellmont|"
    "Corvane|Drumlin|Everly|Finchley|Glenora|Harrowby|Isolde|Jasperine|Kinross|Larkspur|Maplewood|Northam|Orlaith|"
    "Penrose|Quarrel|Ravenna|Silvern|Thistle|Upland|Verdano|Westmere|Xandell|Yewtree|Zinnia|Ashbourne|Birchley|Cindral|"
    "Dovecot|Elmsworth|Fernhill|Greyling|Hollis"
)


def spelled(text: str) -> list[str]:
    """Words of one of the lists above."""
    return text.split("|")
