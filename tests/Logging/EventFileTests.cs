using System;
using System.IO;
using System.Linq;
using System.Text;
using Rl.Logging;
using Rl.Logging.Internal;
using Xunit;

namespace Rl.Tests.Logging;

/// <summary>The parts of event files: checksums, messages, buckets.</summary>
public sealed class EventFileTests
{
    [Fact]
    public void The_checksum_is_Castagnolis_of_every_length()
    {
        Assert.Equal(0xe3069283u, Crc32C.Of("123456789"u8));
        Assert.Equal(0xe3069283u, EventReader.Checksum("123456789"u8));
        var bytes = new byte[67];
        new Random(1).NextBytes(bytes);
        for (var length = 0; length <= bytes.Length; length++)
        {
            Assert.Equal(EventReader.Checksum(bytes.AsSpan(0, length)), Crc32C.Of(bytes.AsSpan(0, length)));
            Assert.Equal(EventReader.Masked(bytes.AsSpan(0, length)), Crc32C.Masked(bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void A_message_reads_back_field_by_field()
    {
        var messages = new MessageWriter();
        for (var twice = 0; twice < 2; twice++)
        {
            var message = new WireReader(messages.Write(whole =>
            {
                whole.Double(1, -0.5);
                whole.Integer(2, long.MaxValue);
                whole.Float(3, float.NaN);
                whole.Text(4, "π/θ");
                whole.Message(20, inner =>
                {
                    inner.Boolean(1, true);
                    inner.Message(2, deeper => deeper.Text(1, new string('x', 2_000)));
                });
                whole.Doubles(6, [1, 2, double.PositiveInfinity]);
                whole.Message(20, inner => inner.Integer(1, 7));
            }).ToArray());
            Assert.Equal(-0.5, message.Double(1));
            Assert.Equal(long.MaxValue, message.Integer(2));
            Assert.True(float.IsNaN(message.Float(3)));
            Assert.Equal("π/θ", message.Text(4));
            Assert.Equal([1, 2, double.PositiveInfinity], message.Doubles(6));
            var inner = message.Messages(20).ToArray();
            Assert.Equal(2, inner.Length);
            Assert.Equal(1, inner[0].Integer(1));
            Assert.Equal(2_000, inner[0].Message(2).Text(1).Length);
            Assert.Equal(7, inner[1].Integer(1));
        }
    }

    [Fact]
    public void Buckets_hold_each_finite_number_once_and_reach_from_the_least_to_the_greatest()
    {
        var random = new Random(2);
        foreach (var count in new[] { 1, 2, 3, 30, 31, 1_000 })
        {
            var values = Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() * 7) - 3)).ToArray();
            var histogram = Histogram.Of([.. values, float.NaN, float.PositiveInfinity])!;
            Assert.Equal(count, histogram.Count);
            Assert.Equal(count, histogram.Counts.Sum());
            Assert.Equal(values.Min(), histogram.Least);
            Assert.Equal(values.Max(), histogram.Greatest);
            Assert.Equal(histogram.Greatest, histogram.Limits[^1]);
            Assert.Equal(values.Sum(value => (double)value), histogram.Sum, 9);
            Assert.Equal(values.Sum(value => (double)value * value), histogram.SumOfSquares, 9);
            Assert.Equal(histogram.Limits.Order(), histogram.Limits);
            var low = histogram.Least;
            for (var bucket = 0; bucket < histogram.Counts.Length; bucket++)
            {
                var high = bucket == histogram.Counts.Length - 1 ? double.PositiveInfinity : histogram.Limits[bucket];
                Assert.Equal(values.Count(value => value >= low && value < high), histogram.Counts[bucket]);
                low = high;
            }
        }
    }

    [Fact]
    public void Equal_numbers_are_one_bucket_extreme_ones_thirty_and_none_are_none()
    {
        var equal = Histogram.Of([3f, 3f, 3f])!;
        Assert.Equal([3.0], equal.Counts);
        Assert.Equal([3.0], equal.Limits);
        var extreme = Histogram.Of([float.MinValue, 0, float.MaxValue])!;
        Assert.Equal(3, extreme.Counts.Sum());
        Assert.True(extreme.Limits.All(double.IsFinite));
        var close = Histogram.Of([1f, MathF.BitIncrement(1f)])!;
        Assert.Equal(2, close.Counts.Sum());
        Assert.Null(Histogram.Of([float.NaN, float.NegativeInfinity]));
        Assert.Null(Histogram.Of([]));
    }

    [Fact]
    public void Later_files_have_later_names_within_a_second_and_after_a_clock_that_ran_ahead()
    {
        using var folder = new TemporaryFolder();
        using var agent = Runs.Ppo();
        File.WriteAllText(Path.Combine(folder.Path, "events.out.tfevents.4102444800.other.1.0"), "");
        var names = Enumerable.Range(0, 12)
            .Select(_ =>
            {
                new TensorBoardLog(agent, folder.Path).Dispose();
                return Directory.GetFiles(folder.Path).Order(StringComparer.Ordinal).Last();
            })
            .ToArray();
        Assert.Equal(12, names.Distinct().Count());
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
    }

    [Fact]
    public void A_picture_is_a_PNG_or_GIF_of_its_size_and_nothing_else()
    {
        byte[] png = [0x89, .. "PNG\r\n\x1a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 2, 1, 0, 0, 0, 5];
        Assert.Equal((513, 5), (PictureFile.Of(png).Width, PictureFile.Of(png).Height));
        byte[] gif = [.. "GIF89a"u8, 1, 2, 7, 0];
        Assert.Equal((513, 7), (PictureFile.Of(gif).Width, PictureFile.Of(gif).Height));
        Assert.Throws<ArgumentException>(() => PictureFile.Of(Encoding.UTF8.GetBytes("BM, which is no picture here")));
        Assert.Throws<ArgumentException>(() => PictureFile.Of(png.AsMemory(0, 12)));
    }
}
