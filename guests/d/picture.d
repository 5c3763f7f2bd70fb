/// A picture file as the digit model wants it.
module picture;

import libc;

enum side = 28;
enum valueCount = side * side;

/// Pictures wider or higher than this are refused.
private enum maxSide = 28 * 1024;

/// Reads a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, and makes 28x28 values of it,
/// row-major: each is 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1. If it cannot, it says why.
bool read(const(char)* path, float[] values)
{
    ubyte[] content;
    if (!readFile(path, content))
    {
        printf("error picture %s: cannot be read\n", path);
        return false;
    }
    scope (exit)
        free(content.ptr);
    return decode(path, content, values);
}

private bool decode(const(char)* path, const(ubyte)[] content, float[] values)
{
    uint width, height, maxval;
    auto rest = content;
    if (!cutMagic(rest) || !cutNumber(rest, width) || !cutNumber(rest, height) || !cutNumber(rest, maxval))
    {
        printf("error picture %s: not a binary PGM file\n", path);
        return false;
    }
    if (!isGoodSide(width) || !isGoodSide(height))
    {
        printf("error picture %s: width and height have to be multiples of %d up to %d, not %ux%u\n", path, side, maxSide, width, height);
        return false;
    }
    if (maxval != 255)
    {
        printf("error picture %s: maxval has to be 255, not %u\n", path, maxval);
        return false;
    }
    immutable pixels = width * height;
    if (rest.length < pixels)
    {
        printf("error picture %s: %u of %u pixels are missing\n", path, cast(uint)(pixels - rest.length), pixels);
        return false;
    }

    immutable boxWidth = width / side, boxHeight = height / side;
    immutable white = 255.0 * boxWidth * boxHeight;
    foreach (i, ref value; values)
    {
        ulong sum;
        foreach (y; 0 .. boxHeight)
        {
            immutable row = (i / side * boxHeight + y) * width + i % side * boxWidth;
            foreach (pixel; rest[row .. row + boxWidth])
                sum += pixel;
        }
        value = cast(float)(1 - sum / white);
    }
    return true;
}

private bool isGoodSide(uint n)
{
    return n > 0 && n <= maxSide && n % side == 0;
}

/// One of C's white space, which is what PGM means by a blank.
private bool isBlank(ubyte b)
{
    return b == ' ' || (b >= '\t' && b <= '\r');
}

private bool cutMagic(ref const(ubyte)[] text)
{
    if (text.length < 3 || text[0] != 'P' || text[1] != '5' || !isBlank(text[2]))
        return false;
    text = text[2 .. $];
    return true;
}

/// Cuts a decimal number off the text: the blanks and comments before it, and the one blank after it.
private bool cutNumber(ref const(ubyte)[] text, out uint number)
{
    while (text.length > 0 && (isBlank(text[0]) || text[0] == '#'))
    {
        if (text[0] == '#')
            while (text.length > 0 && text[0] != '\n' && text[0] != '\r')
                text = text[1 .. $];
        else
            text = text[1 .. $];
    }
    bool any;
    for (; text.length > 0 && text[0] >= '0' && text[0] <= '9'; text = text[1 .. $], any = true)
    {
        number = 10 * number + (text[0] - '0');
        if (number > 1_000_000)
            return false;
    }
    if (!any || text.length == 0 || !isBlank(text[0]))
        return false;
    text = text[1 .. $];
    return true;
}
