/// What the program needs of wasi-libc, for which D's runtime library has no declarations.
module libc;

extern (C) nothrow @nogc:

struct FILE;

FILE* fopen(const(char)* path, const(char)* mode);
size_t fread(void* buffer, size_t size, size_t count, FILE* f);
int ferror(FILE* f);
int fclose(FILE* f);
int fputs(const(char)* text, FILE* f);
pragma(printf) int printf(const(char)* format, ...);
int strcmp(const(char)* a, const(char)* b);
size_t strlen(const(char)* text);
void* malloc(size_t size);
void* realloc(void* old, size_t size);
void free(void* p);
noreturn abort();
double floor(double x);

extern __gshared FILE* stderr;

/// An array of uninitialised values, to be freed by its pointer.
extern (D) T[] allocate(T)(size_t count)
{
    auto p = cast(T*) malloc(count * T.sizeof);
    if (p is null && count > 0)
        abort();
    return p[0 .. count];
}

/// The content of a file, to be freed by its pointer; false if it cannot be read.
extern (D) bool readFile(const(char)* path, out ubyte[] content)
{
    auto f = fopen(path, "rb");
    if (f is null)
        return false;
    size_t capacity = 1 << 16, length;
    auto p = cast(ubyte*) malloc(capacity);
    while (p !is null)
    {
        immutable got = fread(p + length, 1, capacity - length, f);
        length += got;
        if (got == 0)
            break;
        if (length == capacity)
            p = cast(ubyte*) realloc(p, capacity *= 2);
    }
    if (p is null)
        abort();
    immutable ok = !ferror(f);
    fclose(f);
    if (ok)
        content = p[0 .. length];
    else
        free(p);
    return ok;
}
