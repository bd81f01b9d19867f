using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.IO.Hashing;
using System.Linq;
using System.Text;
using Xunit;

namespace Rl.Tests.Api;

/// <summary>Files with a right checksum and any contents: each loads into an agent that acts as it should, or is
/// refused by name.</summary>
public sealed class CraftedFileTests : IDisposable
{
    private const int Mutants = 120;
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Agents => ["ppo", "recurrent", "images", "a2c", "cem", "wrapped"];

    public void Dispose() => folder.Dispose();

    [Theory, MemberData(nameof(Agents))]
    public void Mutants_of_a_file_act_or_are_refused_by_name(string kind)
    {
        var path = folder.File("agent.rl");
        using (var agent = Make(kind))
        {
            agent.TrainFor(1);
            agent.Save(path);
        }

        var original = File.ReadAllBytes(path);
        var random = new Random(kind.Length * 7919);
        var (refused, acted) = (0, 0);
        for (var number = 0; number < Mutants; number++)
        {
            File.WriteAllBytes(path, Mutant(original, random));
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var watch = Stopwatch.StartNew();
            if (Acts(path, number))
            {
                acted++;
            }
            else
            {
                refused++;
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Assert.True(allocated < 300_000_000, $"mutant {number} took {allocated} bytes");
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"mutant {number} took {watch.Elapsed}");
        }

        Assert.True(refused > Mutants / 10 && acted > Mutants / 20, $"{refused} refused, {acted} acted");
    }

    [Fact]
    public void Episodes_that_cannot_be_are_refused()
    {
        var path = folder.File("agent.rl");
        using (var agent = Make("images"))
        {
            agent.Save(path);
        }

        // The states of MinAtar hold places on a board; these are far beyond it.
        var bytes = File.ReadAllBytes(path);
        var body = Sections(bytes).Single(section => section.Tag == "ENVS");
        var at = body.Start + 4 + "MinAtar/Breakout-v1".Length + 4;
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));
        Assert.InRange(length, 80, 1_000);
        bytes.AsSpan(at + 4, (length / 2) - 40).Fill(0x7F);
        File.WriteAllBytes(path, Sealed(bytes));
        var message = Assert.Throws<InvalidDataException>(() => Agent.Load(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains("cannot go on", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("environment.maxEpisodeSteps", "500", "-50")]
    [InlineData("TotalSteps", "100000", "-10000")]
    public void Texts_that_cannot_be_are_refused_as_the_files_fault(string name, string value, string other)
    {
        var path = folder.File("agent.rl");
        using (var agent = Agent.Create(
            new PpoOptions { TotalSteps = 100_000, Hidden = [4], EnvironmentCopies = 1 },
            Environments.Make("CartPole-v1"), 1))
        {
            agent.Save(path);
        }

        var bytes = File.ReadAllBytes(path);
        var note = Encoding.UTF8.GetBytes(name);
        var at = bytes.AsSpan().IndexOf(note) + note.Length;
        Assert.Equal(value, Encoding.UTF8.GetString(bytes, at + 4, value.Length));
        var changed = bytes.ToList();
        changed.RemoveRange(at + 4, value.Length);
        changed.InsertRange(at + 4, Encoding.UTF8.GetBytes(other));
        var text = changed.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(text.AsSpan(at), other.Length);
        var section = Sections(bytes).Last(candidate => candidate.Start <= at);
        var growth = other.Length - value.Length;
        BinaryPrimitives.WriteInt32LittleEndian(text.AsSpan(section.Start - 4), section.Length + growth);
        File.WriteAllBytes(path, Sealed(text));
        var message = Assert.Throws<InvalidDataException>(() => Agent.Load(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Many_copies_with_the_episodes_of_few_are_refused_before_they_are_made()
    {
        var path = folder.File("agent.rl");
        const int Copies = 60_000;
        using (var agent = Agent.Create(
            new A2cOptions { EnvironmentCopies = 70, Hidden = [4] }, Environments.Make("LunarLander-v3"), 1))
        {
            agent.Save(path);
            using var again = Agent.Load(path);
            Assert.Equal(70, again.Options.EnvironmentCopies);
        }

        var bytes = File.ReadAllBytes(path).ToList();
        var progress = Sections([.. bytes]).Single(section => section.Tag == "PROG");
        var keys = progress.Start + 16 + 20;
        Assert.Equal(70, BinaryPrimitives.ReadInt32LittleEndian(bytes.ToArray().AsSpan(keys)));
        bytes.InsertRange(keys + 4, new byte[16 * (Copies - 70)]);
        var changed = bytes.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(changed.AsSpan(keys), Copies);
        BinaryPrimitives.WriteInt32LittleEndian(
            changed.AsSpan(progress.Start - 4), progress.Length + (16 * (Copies - 70)));
        var environments = Sections(changed).Single(section => section.Tag == "ENVS");
        BinaryPrimitives.WriteInt32LittleEndian(
            changed.AsSpan(environments.Start + 4 + "LunarLander-v3".Length), Copies);
        File.WriteAllBytes(path, Sealed(changed));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = Assert.Throws<InvalidDataException>(() => Agent.Load(path)).Message;
        Assert.Contains("60000 copies", message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 30_000_000);
    }

    [Fact]
    public void A_pipe_is_no_agent_file_and_nobody_waits_for_it()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var pipe = folder.File("pipe.rl");
        using (var made = Process.Start("mkfifo", pipe))
        {
            made.WaitForExit();
        }

        Assert.Contains(
            pipe, Assert.Throws<InvalidDataException>(() => Agent.Load(pipe)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => Agent.Load("/dev/zero"));
    }

    private static Agent Make(string kind)
    {
        var ppo = new PpoOptions
        {
            RolloutSteps = 8,
            MinibatchSize = 16,
            EnvironmentCopies = 2,
            Hidden = [4],
            Epochs = 1,
            Threads = 1,
            NormaliseObservations = true,
        };
        return kind switch
        {
            "ppo" => Agent.Create(ppo with { NormaliseRewards = true }, Environments.Make("Pendulum-v1"), 3),
            "recurrent" =>
                Agent.Create(
                    ppo with { Recurrence = Recurrence.Gru, RecurrentUnits = 3, SequenceLength = 4 },
                    Environments.Make("CartPole-v1"), 3),
            "images" =>
                Agent.Create(ppo with { NormaliseObservations = false }, Environments.Make("MinAtar/Breakout-v1"), 3),
            "a2c" => Agent.Create(
                new A2cOptions { EnvironmentCopies = 2, Hidden = [4], Threads = 1 }, Environments.Make("Acrobot-v1"),
                3),
            "cem" => Agent.Create(
                new CemOptions { Population = 4, EnvironmentCopies = 2, Hidden = [], Threads = 1 },
                Environments.Make("CartPole-v1"), 3),
            _ => Agent.Create(
                ppo with { NormaliseObservations = false },
                Environments.Make("Pendulum-v1").RescaleAction(-1, 1).NormalizeObservation().ClipReward(-5, 5), 3),
        };
    }

    /// <summary>Whether the file loads and acts; else it must be refused.</summary>
    private static bool Acts(string path, int number)
    {
        try
        {
            using var agent = Agent.Load(path, 1);
            var action = agent.Predict(new float[agent.ObservationSpace.Size]);
            Assert.True(
                agent.ActionSpace.Contains(action),
                $"mutant {number}: {string.Join(", ", action)} is not in {agent.ActionSpace}");
            Assert.All(agent.Parameters.ToArray(), value => Assert.True(float.IsFinite(value)));
            return true;
        }
        catch (Exception error) when (error is InvalidDataException or ArgumentException)
        {
            Assert.True(error.Message.Contains(path, StringComparison.Ordinal), $"mutant {number}: {error}");
            return false;
        }
        catch (InvalidOperationException error) when (
            error.Message.Contains("too large to act with", StringComparison.Ordinal))
        {
            return false;
        }
    }

    /// <summary>The file with some bytes of one section changed, and a checksum that fits.</summary>
    private static byte[] Mutant(byte[] original, Random random)
    {
        var bytes = (byte[])original.Clone();
        var sections = Sections(bytes).Where(section => section.Length > 0).ToList();
        var (_, start, length) = sections[random.Next(sections.Count)];
        for (var change = random.Next(1, 4); change > 0; change--)
        {
            var at = start + random.Next(length);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2 when at + 4 <= start + length:
                    int[] numbers = [0, -1, 1, int.MaxValue, int.MinValue, 65_536, 1_000_000, random.Next(1_000)];
                    BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), numbers[random.Next(numbers.Length)]);
                    break;
                case 3 when at + 4 <= start + length:
                    float[] singles = [float.NaN, float.PositiveInfinity, 3e38f, -3e38f, 1e-42f];
                    BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at), singles[random.Next(singles.Length)]);
                    break;
                case 4 when at + 8 <= start + length:
                    double[] doubles = [double.NaN, double.NegativeInfinity, -1, 1e300, 0];
                    BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(at), doubles[random.Next(doubles.Length)]);
                    break;
                default:
                    var from = start + random.Next(length);
                    var count = Math.Min(random.Next(1, 64), length - Math.Max(at, from) + start);
                    bytes.AsSpan(from, count).ToArray().CopyTo(bytes, at);
                    break;
            }
        }

        return Sealed(bytes);
    }

    private static IEnumerable<(string Tag, int Start, int Length)> Sections(byte[] bytes)
    {
        for (var at = 16; at < bytes.Length - 4;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            yield return (Encoding.ASCII.GetString(bytes, at, 4), at + 8, length);
            at += 8 + length;
        }
    }

    /// <summary>The bytes with the length and the checksum that fit them.</summary>
    private static byte[] Sealed(byte[] bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), bytes.Length - 20);
        Crc32.Hash(bytes.AsSpan(0, bytes.Length - 4), bytes.AsSpan(bytes.Length - 4));
        return bytes;
    }
}
