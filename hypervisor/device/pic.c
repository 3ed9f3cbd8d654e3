/* SPDX-License-Identifier: ISC */
/* pic.c - two 8259A, as Intel's data sheet has them. */
#include "device/pic.h"

enum { FIRST, SECOND };
enum { COMMAND, DATA };

enum {
	CASCADE = 2, /* the first one's line that the second drives */
	NONE = 8,
	ICW1 = 0x10,
	ICW1_FOURTH = 0x01,
	ICW4_ENDS_ITSELF = 0x02,
	OCW3 = 0x08, /* in place of OCW2 */
	OCW3_READ = 0x02,
	OCW3_SERVED = 0x01,
	OCW2_END = 0x20,
	OCW2_SPECIFIC = 0x40,
	OCW2_LINE = 0x07,
};

/* The lowest line of a set: the most urgent. */
static unsigned lowest(uint8_t lines)
{
	return lines ? (unsigned)__builtin_ctz(lines) : NONE;
}

/* The line that is to be served next, unless one as urgent is being served; NONE. */
static unsigned next_of(const struct pic_chip *chip, uint8_t requested)
{
	const unsigned line = lowest(requested & (uint8_t)~chip->masked);

	return line < lowest(chip->served) ? line : NONE;
}

/* What the first chip is asked for, with what the second asks it for. */
static uint8_t requests(const struct pic *pic)
{
	const struct pic_chip *second = &pic->chips[SECOND];

	return (uint8_t)(pic->chips[FIRST].requested |
			 (next_of(second, second->requested) != NONE ? 1 << CASCADE : 0));
}

static void serve(struct pic_chip *chip, unsigned line)
{
	chip->requested &= (uint8_t) ~(1U << line);
	if (!chip->ends_itself)
		chip->served |= (uint8_t)(1U << line);
}

/* ---- lines ---- */

bool pic_line(struct pic *pic, unsigned line, bool level)
{
	struct pic_chip *chip = &pic->chips[line / 8 % 2];
	const uint8_t bit = (uint8_t)(1U << line % 8);
	bool pending;

	pthread_mutex_lock(&pic->mutex);
	if (!level) {
		chip->levels &= (uint8_t)~bit;
		chip->requested &= (uint8_t)~bit; /* too short to be taken: gone */
	} else if (!(chip->levels & bit)) {
		chip->levels |= bit;
		chip->requested |= bit;
	}
	pending = next_of(&pic->chips[FIRST], requests(pic)) != NONE;
	pthread_mutex_unlock(&pic->mutex);
	return pending;
}

bool pic_is_pending(struct pic *pic)
{
	bool pending;

	pthread_mutex_lock(&pic->mutex);
	pending = next_of(&pic->chips[FIRST], requests(pic)) != NONE;
	pthread_mutex_unlock(&pic->mutex);
	return pending;
}

static int acknowledge(struct pic *pic)
{
	struct pic_chip *first = &pic->chips[FIRST];
	struct pic_chip *second = &pic->chips[SECOND];
	const unsigned line = next_of(first, requests(pic));
	unsigned behind;

	if (line == NONE)
		return -1;
	serve(first, line);
	if (line != CASCADE)
		return first->base + (int)line;
	behind = next_of(second, second->requested);
	serve(second, behind);
	return second->base + (int)behind;
}

int pic_acknowledge(struct pic *pic)
{
	int vector;

	pthread_mutex_lock(&pic->mutex);
	vector = acknowledge(pic);
	pthread_mutex_unlock(&pic->mutex);
	return vector;
}

/* ---- registers ---- */

static void begin(struct pic_chip *chip, uint8_t value)
{
	*chip = (struct pic_chip){
		.levels = chip->levels,
		.expected = 2,
		.has_fourth = value & ICW1_FOURTH,
	};
}

/* How the chips are connected is as it is, so the third word is only taken. */
static void go_on(struct pic_chip *chip, uint8_t value)
{
	if (chip->expected == 2)
		chip->base = value & 0xf8;
	if (chip->expected == 4)
		chip->ends_itself = value & ICW4_ENDS_ITSELF;
	chip->expected = chip->expected == 2 || (chip->expected == 3 && chip->has_fourth)
				 ? (uint8_t)(chip->expected + 1)
				 : 0;
}

static void command(struct pic_chip *chip, uint8_t value)
{
	if (value & OCW3) {
		if (value & OCW3_READ)
			chip->reads_served = value & OCW3_SERVED;
	} else if (value & OCW2_END) {
		const unsigned line = value & OCW2_SPECIFIC ? value & OCW2_LINE : lowest(chip->served);

		if (line < NONE)
			chip->served &= (uint8_t) ~(1U << line);
	}
}

static void write_chip(struct pic *pic, unsigned number, uint64_t offset, uint8_t value)
{
	struct pic_chip *chip = &pic->chips[number];

	pthread_mutex_lock(&pic->mutex);
	if (offset == COMMAND && (value & ICW1))
		begin(chip, value);
	else if (offset == COMMAND)
		command(chip, value);
	else if (chip->expected)
		go_on(chip, value);
	else
		chip->masked = value;
	pthread_mutex_unlock(&pic->mutex);
}

static uint8_t read_chip(struct pic *pic, unsigned number, uint64_t offset)
{
	const struct pic_chip *chip = &pic->chips[number];
	uint8_t value;

	pthread_mutex_lock(&pic->mutex);
	value = offset == DATA ? chip->masked : chip->reads_served ? chip->served : chip->requested;
	pthread_mutex_unlock(&pic->mutex);
	return value;
}

uint8_t pic_read_first(void *pic, uint64_t offset)
{
	return read_chip(pic, FIRST, offset);
}

uint8_t pic_read_second(void *pic, uint64_t offset)
{
	return read_chip(pic, SECOND, offset);
}

void pic_write_first(void *pic, uint64_t offset, uint8_t value)
{
	write_chip(pic, FIRST, offset, value);
}

void pic_write_second(void *pic, uint64_t offset, uint8_t value)
{
	write_chip(pic, SECOND, offset, value);
}

/* All lines are masked until somebody knows what to do with them. */
void pic_create(struct pic *pic)
{
	*pic = (struct pic){ .chips = { { .masked = 0xff }, { .masked = 0xff } } };
	pthread_mutex_init(&pic->mutex, NULL);
}

void pic_destroy(struct pic *pic)
{
	pthread_mutex_destroy(&pic->mutex);
}
