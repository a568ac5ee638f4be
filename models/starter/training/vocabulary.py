"""What the first course teaches by name: the drawing's name in the data -> what people call it."""

from __future__ import annotations

from collections.abc import Mapping

# What people type first: shown most often, in all looks, colours and places.
THINGS: Mapping[str, tuple[str, ...]] = {
    "red apple": ("apple",),
    "green apple": ("green apple",),
    "banana": ("banana",),
    "strawberry": ("strawberry",),
    "lemon": ("lemon",),
    "tangerine": ("orange fruit", "tangerine"),
    "cherries": ("cherries",),
    "grapes": ("grapes",),
    "watermelon": ("watermelon", "slice of watermelon"),
    "pineapple": ("pineapple",),
    "avocado": ("avocado",),
    "carrot": ("carrot",),
    "tomato": ("tomato",),
    "pizza": ("pizza", "slice of pizza"),
    "hamburger": ("hamburger", "burger"),
    "doughnut": ("donut", "doughnut"),
    "birthday cake": ("birthday cake", "cake"),
    "soft ice cream": ("ice cream",),
    "hot beverage": ("cup of coffee", "cup of tea"),
    "cat face": ("cat", "cat face", "kitten"),
    "dog face": ("dog", "dog face", "puppy"),
    "panda": ("panda",),
    "fox": ("fox",),
    "lion": ("lion",),
    "bear": ("bear",),
    "koala": ("koala",),
    "tiger face": ("tiger",),
    "rabbit face": ("rabbit", "bunny"),
    "frog": ("frog",),
    "pig face": ("pig",),
    "monkey face": ("monkey",),
    "unicorn": ("unicorn",),
    "penguin": ("penguin",),
    "owl": ("owl",),
    "baby chick": ("chick", "bird"),
    "butterfly": ("butterfly",),
    "lady beetle": ("ladybug",),
    "honeybee": ("bee",),
    "turtle": ("turtle",),
    "tropical fish": ("fish",),
    "spouting whale": ("whale",),
    "octopus": ("octopus",),
    "crab": ("crab",),
    "elephant": ("elephant",),
    "dragon face": ("dragon",),
    "automobile": ("car",),
    "bus": ("bus",),
    "bicycle": ("bicycle", "bike"),
    "rocket": ("rocket",),
    "airplane": ("airplane", "plane"),
    "sailboat": ("sailing boat", "sailboat", "boat"),
    "locomotive": ("train",),
    "flying saucer": ("ufo",),
    "house": ("house",),
    "castle": ("castle",),
    "deciduous tree": ("tree",),
    "evergreen tree": ("pine tree", "fir tree"),
    "palm tree": ("palm tree",),
    "cactus": ("cactus",),
    "rose": ("rose",),
    "tulip": ("tulip",),
    "sunflower": ("sunflower",),
    "cherry blossom": ("flower", "blossom"),
    "mushroom": ("mushroom",),
    "red heart": ("heart",),
    "star": ("star",),
    "sun": ("sun",),
    "crescent moon": ("moon", "crescent moon"),
    "cloud": ("cloud",),
    "rainbow": ("rainbow",),
    "snowflake": ("snowflake",),
    "fire": ("fire", "flame"),
    "ringed planet": ("planet",),
    "snowman": ("snowman",),
    "ghost": ("ghost",),
    "robot": ("robot",),
    "alien": ("alien",),
    "jack-o-lantern": ("pumpkin",),
    "skull": ("skull",),
    "grinning face": ("smiling face", "smiley"),
    "crown": ("crown",),
    "gem stone": ("diamond", "gem"),
    "balloon": ("balloon",),
    "umbrella": ("umbrella",),
    "guitar": ("guitar",),
    "soccer ball": ("ball", "soccer ball"),
    "snow-capped mountain": ("mountain",),
}

_AS_NAMED: Mapping[str, str] = {
    "animals": (
        "ant, badger, bat, beaver, beetle, bison, blowfish, boar, bug, camel, chicken, chipmunk, cockroach, "
        "cricket, crocodile, deer, dodo, dolphin, donkey, dove, duck, eagle, flamingo, fly, giraffe, goat, goose, "
        "gorilla, hamster, hedgehog, horse, jellyfish, kangaroo, leopard, lizard, llama, lobster, mammoth, moose, "
        "mosquito, mouse, orangutan, otter, ox, parrot, peacock, polar bear, poodle, raccoon, ram, rat, rhinoceros, "
        "rooster, scorpion, seal, shark, shrimp, skunk, sloth, snail, snake, spider, squid, swan, t-rex, turkey, "
        "water buffalo, wolf, worm, zebra, black cat, paw prints"
    ),
    "food": (
        "bacon, bagel, beans, bell pepper, blueberries, bread, broccoli, burrito, butter, candy, chestnut, "
        "chocolate bar, coconut, cookie, croissant, cucumber, cupcake, dumpling, egg, eggplant, french fries, "
        "garlic, honey pot, hot dog, hot pepper, kiwi fruit, lollipop, mango, melon, olive, onion, pancakes, peach, "
        "peanuts, pear, pie, popcorn, potato, pretzel, sandwich, spaghetti, sushi, taco, waffle, wine glass, beer "
        "mug, teapot, glass of milk, bubble tea"
    ),
    "nature": (
        "bouquet, bubbles, comet, coral, desert, desert island, droplet, fallen leaf, feather, four leaf clover, "
        "full moon, hibiscus, lotus, maple leaf, potted plant, rock, seedling, shooting star, spider web, spiral "
        "shell, sunrise, sunset, tornado, volcano, water wave, white flower, wood, fireworks, sun with face, cloud "
        "with rain, christmas tree"
    ),
    "on the move": (
        "aerial tramway, ambulance, anchor, bullet train, canoe, delivery truck, ferry, fire engine, helicopter, "
        "motor boat, motor scooter, motorcycle, parachute, pickup truck, police car, racing car, satellite, ship, "
        "skateboard, speedboat, taxi, tractor, tram, trolleybus, wheel, kick scooter, roller coaster, ferris wheel"
    ),
    "places": (
        "bank, camping, church, circus tent, cityscape, derelict house, factory, fountain, hospital, hotel, hut, "
        "mosque, school, stadium, statue of liberty, tent, tokyo tower, bridge at night, classical building"
    ),
    "things of the house and of the hand": (
        "abacus, accordion, alarm clock, axe, backpack, banjo, baseball, basket, basketball, bathtub, battery, bed, "
        "bell, boomerang, bow and arrow, bowling, boxing glove, brick, briefcase, broom, bucket, calendar, camera, "
        "candle, chair, clipboard, coat, coffin, coin, compass, crayon, crystal ball, dagger, door, dress, drum, "
        "envelope, eye, file folder, flashlight, flute, fork and knife, fountain pen, game die, gear, glasses, "
        "gloves, goggles, graduation cap, hammer, handbag, headphone, high-heeled shoe, hiking boot, hook, ice "
        "skate, jar, jeans, key, keyboard, kimono, kitchen knife, kite, ladder, laptop, light bulb, lipstick, "
        "luggage, magic wand, magnet, microscope, mirror, mirror ball, mobile phone, money bag, necktie, newspaper, "
        "notebook, paintbrush, paperclip, pen, pencil, piñata, pill, printer, purse, pushpin, puzzle piece, radio, "
        "ribbon, ring, roller skate, running shoe, saxophone, scarf, scissors, screwdriver, scroll, shield, "
        "shopping cart, socks, spoon, stethoscope, sunglasses, syringe, t-shirt, teddy bear, telephone, telescope, "
        "television, thermometer, toolbox, tooth, toothbrush, top hat, trophy, trumpet, violin, volleyball, watch, "
        "window, wrapped gift, wrench, yarn, yo-yo, artist palette, american football, bomb, bone, brain, books, "
        "open book, nest with eggs, joystick, video game, musical note, party popper, wind chime, red paper lantern"
    ),
    "who": (
        "artist, astronaut, baby, boy, clown face, cook, cowboy hat face, detective, elf, fairy, farmer, "
        "firefighter, genie, girl, goblin, man, mermaid, ninja, ogre, police officer, prince, princess, santa "
        "claus, scientist, singer, snowboarder, superhero, teacher, troll, vampire, woman, zombie, kiss mark, "
        "thumbs up, victory hand, waving hand"
    ),
    "signs": (
        "broken heart, heart with arrow, sparkling heart, glowing star, high voltage, sparkles, peace symbol, yin "
        "yang, crying face, sleeping face, winking face, angry face, nerd face, thinking face, star-struck, pile of "
        "poo"
    ),
}
_OTHERWISE_CALLED: Mapping[str, tuple[str, ...]] = {
    "bird": ("parakeet", "little bird"),
    "sauropod": ("dinosaur", "brontosaurus"),
    "cow face": ("cow",),
    "horse face": ("horse head",),
    "mage": ("wizard", "mage"),
    "cheese wedge": ("cheese", "piece of cheese"),
    "ear of corn": ("corn", "ear of corn"),
    "cocktail glass": ("cocktail", "martini glass"),
    "teacup without handle": ("cup", "teacup", "bowl of tea"),
    "woman’s hat": ("hat", "straw hat"),
    "billed cap": ("cap",),
    "old key": ("old key", "golden key"),
    "locked": ("padlock", "lock"),
    "couch and lamp": ("sofa", "couch", "armchair"),
    "desktop computer": ("computer",),
    "umbrella on ground": ("parasol", "beach umbrella"),
    "beach with umbrella": ("beach",),
    "national park": ("lake in the forest",),
    "mount fuji": ("mount fuji", "volcano with snow"),
    "japanese castle": ("japanese castle", "pagoda"),
    "house with garden": ("house with a garden", "cottage"),
    "globe showing europe-africa": ("globe", "earth", "planet earth"),
    "crossed swords": ("swords", "sword"),
    "long drum": ("conga drum",),
    "closed book": ("book",),
    "smiling face with sunglasses": ("smiley with sunglasses",),
    "smiling face with heart-eyes": ("smiley in love",),
    "face with tears of joy": ("laughing smiley",),
    "kiss": ("two people kissing",),
    "leaf fluttering in wind": ("leaf", "green leaf"),
    "herb": ("herb", "leaves"),
    "glass of milk": ("glass of milk", "milk"),
    "hatching chick": ("hatching chick", "chick in an egg"),
}
# What people type then: seen by name, mostly in one look.
MORE: Mapping[str, tuple[str, ...]] = {
    name: words
    for name, words in {
        **{name: (name,) for group in _AS_NAMED.values() for name in group.split(", ")},
        **_OTHERWISE_CALLED,
    }.items()
    if name not in THINGS
}

# What people say beside it and what a small model cannot show: before the thing, and around all of it.
IDLE: tuple[str, ...] = ("cute", "beautiful", "nice", "pretty", "funny", "happy", "little", "small", "big", "old")
ASIDES: tuple[str, ...] = (
    "a picture of {}",
    "an image of {}",
    "a drawing of {}",
    "draw {}",
    "{} please",
    "{}.",
    "{}, highly detailed",
    "{}, best quality",
    "{}, masterpiece, best quality, 4k",
    "{}, beautiful, high quality",
)
