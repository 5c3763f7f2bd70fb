/// Classifies pictures of handwritten digits. ../README.md has the contract that its output keeps, in this and in every other
/// language. This is D as -betterC: without the runtime library, which does not know WASI, and with C's instead.
module digits;

import libc;
import neural;
static import picture;

private immutable usage =
    "usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL\n" ~
    "       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE\n" ~
    "PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,\n" ~
    "in turn on N execution contexts of one graph, 1 to 1000.\n";

/// What wasi-libc calls, by the name that clang gives a main with arguments.
pragma(mangle, "__main_argc_argv") extern (C) int main_(int argc, char** argv)
{
    auto args = argv[1 .. argc > 0 ? argc : 1];
    immutable batch = args.length > 0 && strcmp(args[0], "batch") == 0;
    size_t contexts = 1;
    if (batch)
        args = args[1 .. $];
    else if (args.length > 1 && strcmp(args[0], "contexts") == 0)
    {
        contexts = contextCount(args[1]);
        args = args[2 .. $];
    }
    if (contexts == 0 || args.length < 3 || (strcmp(args[0], "name") != 0 && strcmp(args[0], "bytes") != 0))
    {
        fputs(usage.ptr, stderr);
        return 1;
    }
    return run(args[0], args[1], args[2 .. $], batch, contexts) ? 0 : 1;
}

/// Reads the N of the arguments: 1 to 1000, or 0 for anything else.
private size_t contextCount(const(char)* text)
{
    size_t n = 0;
    for (; *text >= '0' && *text <= '9' && n <= 1000; text++)
        n = 10 * n + (*text - '0');
    return *text == 0 && n <= 1000 ? n : 0;
}

/// Runs the model on all pictures at once, or one by one on count contexts in turn.
private bool run(const(char)* how, const(char)* model, char*[] pictures, bool batch, size_t count)
{
    Graph graph;
    if (!load(how, model, graph))
        return false;
    auto contexts = allocate!Context(count);
    scope (exit)
        free(contexts.ptr);
    foreach (ref context; contexts)
        if (auto e = graph.initExecutionContext(context))
            return fail("init", e);
    if (batch)
        return classify(contexts[0], pictures);
    foreach (i; 0 .. pictures.length)
        if (!classify(contexts[i % count], pictures[i .. i + 1]))
            return false;
    return true;
}

private bool load(const(char)* how, const(char)* model, out Graph graph)
{
    if (strcmp(how, "name") == 0)
    {
        auto e = Graph.loadByName(model, graph);
        return e ? fail("load", e) : true;
    }
    ubyte[] content;
    if (!readFile(model, content))
    {
        printf("error model %s: cannot be read\n", model);
        return false;
    }
    scope (exit)
        free(content.ptr);
    auto e = Graph.loadOnnx(content, graph);
    return e ? fail("load", e) : true;
}

/// Runs the model once on these pictures and prints what it says.
private bool classify(Context context, char*[] paths)
{
    auto values = allocate!float(paths.length * picture.valueCount);
    scope (exit)
        free(values.ptr);
    foreach (i, path; paths)
        if (!picture.read(path, values[i * picture.valueCount .. (i + 1) * picture.valueCount]))
            return false;

    uint[4] dims = [cast(uint) paths.length, 1, picture.side, picture.side];
    ubyte[] output;
    if (auto e = context.compute(dims, values, output))
        return fail("compute", e);
    scope (exit)
        free(output.ptr);
    if (!check(output, paths.length))
        return false;
    auto all = (cast(const(float)*) output.ptr)[0 .. output.length / float.sizeof];
    immutable classes = all.length / paths.length;
    foreach (i, path; paths)
    {
        printf("picture %s\noutput 0 name=- ty=- dims=-\n", path); // preview 1 tells nothing of it
        printTop(all[i * classes .. (i + 1) * classes]);
    }
    return true;
}

/// Makes sure that an output holds the same number of finite FP32 values for each of count pictures.
private bool check(const(ubyte)[] output, size_t count)
{
    if (output.length == 0 || output.length % (count * float.sizeof) != 0)
    {
        printf("error output 0: %zu bytes are not FP32 values for each of %zu pictures\n", output.length, count);
        return false;
    }
    foreach (i, value; (cast(const(float)*) output.ptr)[0 .. output.length / float.sizeof])
        if (!(value - value == 0)) // neither infinite nor NaN
        {
            printf("error output 0: value %zu is not a finite number\n", i);
            return false;
        }
    return true;
}

/// Prints the three greatest values, greatest first; of equals, the lower class comes first.
private void printTop(const(float)[] values)
{
    size_t[3] printed;
    immutable count = values.length < printed.length ? values.length : printed.length;
    foreach (k; 0 .. count)
    {
        size_t best = values.length;
    classes:
        foreach (c, value; values)
        {
            foreach (p; printed[0 .. k])
                if (p == c)
                    continue classes;
            if (best == values.length || value > values[best])
                best = c;
        }
        printf("top %zu class=%zu milli=%.0f\n", k + 1, best, floor(1000.0 * values[best] + 0.5));
        printed[k] = best;
    }
}

private bool fail(const(char)* stage, Errno e)
{
    printf("error %s code=%s data=\n", stage, e.code);
    return false;
}
