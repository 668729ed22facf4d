"""Texts about nothing in particular: what a question is compared with where an index has too few passages."""

_TEXTS = """
The train to the coast leaves every hour from the second platform.
Bread is baked overnight and delivered before the shops open.
The museum shows paintings and drawings of the last two centuries.
Rain is expected in the north, with some sun in the afternoon.
The committee meets four times a year and publishes its minutes.
Open the valve slowly and wait until the pressure is stable.
Her first novel was translated into more than twenty languages.
The bridge was closed for repairs and is open again since spring.
Water the plants twice a week and keep them out of direct sun.
The team won the match by two goals in the last minutes.
Please send the signed form to the office on the ground floor.
The new version is faster and uses less memory than the old one.
Prices rose by three percent compared with the year before.
Children under twelve travel free with an adult.
The lake is ten kilometres long and very deep in the middle.
Press the button for two seconds until the light turns green.
The professor explained how cells divide and grow.
A table for four was reserved at eight in the evening.
The contract ends after two years unless it is renewed.
Our warehouse ships orders on weekdays before noon.
The road climbs through a forest and ends at a small village.
The study followed eight hundred patients for five years.
Store the paint in a dry place and close the lid firmly.
The orchestra plays three concerts in the summer.
Each account has a name, a number and a balance.
The farmer keeps sheep and grows wheat and barley.
The program reads a file and prints the number of its lines.
The council approved the budget after a long debate.
Take the second street on the left and walk to the square.
The engine must be checked after ten thousand kilometres.
Visitors leave their coats and bags at the entrance.
The river floods the meadows nearly every winter.
The list contains all members and their addresses.
He repaired the roof with tiles from an old barn.
The lecture is recorded and can be watched later.
A spoon of salt is enough for three litres of water.
The company sells furniture in eleven countries.
The key is kept in the drawer beside the door.
Scientists found traces of ice below the surface.
The meeting was moved to Thursday because of a holiday.
The garden is open to everybody from April to October.
Use a soft cloth and warm water to clean the lens.
The ship carried wool, wine and iron across the sea.
The answer to the second question is on the last page.
Employees receive their badge on the first morning.
The price includes breakfast and the use of the pool.
The software asks for a password when it starts.
The old mill now houses a school of music.
"""
NEUTRAL_TEXTS = tuple(_TEXTS.strip().splitlines())
