using System;
using System.Linq;
using System.Text.Json.Nodes;
using Rl.Data;
using Rl.Data.Internal;
using Xunit;

namespace Rl.Tests.Data;

/// <summary>Texts and numbers as Python and NumPy have them.</summary>
public sealed class TextTests
{
    [Theory]
    [InlineData(1.0, "1.0")]
    [InlineData(-0.0, "-0.0")]
    [InlineData(1e-7, "1e-07")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.00001234, "1.234e-05")]
    [InlineData(123456.75, "123456.75")]
    [InlineData(1e15, "1000000000000000.0")]
    [InlineData(1e16, "1e+16")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e+308")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(4.800000190734863, "4.800000190734863")]
    [InlineData(-0.41887903213500977, "-0.41887903213500977")]
    [InlineData(double.NegativeInfinity, "-Infinity")]
    [InlineData(double.NaN, "NaN")]
    public void A_float_is_written_as_Python_writes_it(double number, string text) =>
        Assert.Equal(text, PythonJson.Text(number));

    [Fact]
    public void Floats_are_written_as_Python_writes_them_whatever_their_bits()
    {
        var random = new Random(3);
        var bits = Enumerable.Range(0, 2000).Select(_ => random.NextInt64()).ToArray();
        var said = Python.Run(
            "import struct, sys, json\n"
            + "print(json.dumps([struct.unpack('<d', struct.pack('<q', int(x)))[0] for x in sys.argv[1].split(',')]))",
            string.Join(',', bits));
        var ours = new JsonArray([.. bits.Select(each => PythonJson.Value(BitConverter.Int64BitsToDouble(each)))]);
        Assert.Equal(said.Trim(), PythonJson.Text(ours));
    }

    [Fact]
    public void Bare_names_of_numbers_are_read_and_those_within_strings_stay()
    {
        var node = PythonJson.Parse("""{"low": [-Infinity, NaN], "name": "Infinity \"NaN\" -Infinity", "x": 1e3}""")!;
        Assert.Equal(double.NegativeInfinity, PythonJson.Number(node["low"]![0]));
        Assert.True(double.IsNaN(PythonJson.Number(node["low"]![1])));
        Assert.Equal("Infinity \"NaN\" -Infinity", node["name"]!.GetValue<string>());
        Assert.Equal(
            """{"low": [-Infinity, NaN], "name": "Infinity \"NaN\" -Infinity", "x": 1e3}""", PythonJson.Text(node));
    }

    [Fact]
    public void Unsigned_bytes_are_no_signed_ones()
    {
        Assert.Equal([250.0, 3.0], new DataArray(new byte[] { 250, 3 }, 2).ToDoubles());
        Assert.Equal([-6.0, 3.0], new DataArray(new sbyte[] { -6, 3 }, 2).ToDoubles());
        Assert.Equal([4e9, 3.0], new DataArray(new uint[] { 4_000_000_000, 3 }, 2).ToDoubles());
        var singles = new float[2];
        Assert.Equal(-1, Conversion.ToSingles(new DataArray(new byte[] { 250, 3 }, 2), singles, 0, 1));
        Assert.Equal([250f, 3f], singles);
        Assert.Equal(1, Conversion.ToSingles(new DataArray(new long[] { 1 << 24, (1 << 24) + 1 }, 2), singles, 0, 1));
    }

    [Theory]
    [InlineData("""{"type": "Graph"}""", "it is of the type Graph")]
    [InlineData("""{"type": "Text", "max_length": 3}""", "it is of the type Text")]
    [InlineData("""{"type": "Box", "dtype": "complex64", "shape": [1], "low": [0], "high": [1]}""", "complex64")]
    [InlineData("""{"type": "Box", "dtype": "float32", "shape": [2000000000], "low": [0], "high": [1]}""", "bounds")]
    [InlineData("""{"type": "Discrete", "n": 1e300}""", "no integer within")]
    [InlineData("""{"type": "Tuple", "subspaces": [3]}""", "no JSON object")]
    [InlineData("[", "")]
    public void Spaces_that_are_none_of_ours_are_refused_by_name(string text, string message)
    {
        var error = Assert.Throws<System.IO.InvalidDataException>(() => GymSpace.Parse(text));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
