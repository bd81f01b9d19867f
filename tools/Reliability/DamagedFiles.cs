using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Reliability;

/// <summary>Loads files that were damaged in every way there is, a third of them with a checksum that fits the damage:
/// is each refused by its name, or a whole agent of finite numbers, and in how much memory?</summary>
internal static class DamagedFiles
{
    private const long MostMemory = 64 << 20;

    public static int Run(int files, int seed)
    {
        var random = new Random(seed);
        var folder = Directory.CreateTempSubdirectory("rl-damage-").FullName;
        var originals = SavedAgents.Make(folder);
        Console.WriteLine(
            $"{originals.Count} agents of {originals.Min(bytes => bytes.Length):N0} to "
            + $"{originals.Max(bytes => bytes.Length):N0} bytes");

        // What is loaded once is compiled and kept: its memory is no file's.
        foreach (var original in originals)
        {
            Load(folder, original, out _);
        }

        var right = Series(files / 3, "right checksums", () => Damage.WithRightChecksum(originals, random), folder);
        var wrong = Series(files - (files / 3), "wrong checksums", () => Damage.Any(originals, random), folder);
        Directory.Delete(folder, true);
        return right && wrong ? 0 : 1;
    }

    private static bool Series(int files, string kind, Func<byte[]> make, string folder)
    {
        int refused = 0, harmless = 0, trained = 0, faults = 0;
        long most = 0;
        for (var file = 0; file < files; file++)
        {
            var bytes = make();
            try
            {
                var loaded = Load(folder, bytes, out var memory);
                most = Math.Max(most, memory - bytes.Length);
                (refused, harmless) = loaded ? (refused, harmless + 1) : (refused + 1, harmless);
                trained += loaded && Trains(folder) ? 1 : 0;
            }
            catch (Exception error)
            {
                faults++;
                Console.WriteLine($"{kind}, file {file}: {error}");
                File.WriteAllBytes(Path.Combine(Path.GetTempPath(), $"fault-{kind}-{file}.rl"), bytes);
            }
        }

        Console.WriteLine(
            $"{files:N0} files with {kind}: {refused:N0} refused by name, {harmless:N0} whole agents of finite "
            + $"numbers, {faults} faults; at most {Memory.Megabytes(most).Trim()} above the file's size");
        if (harmless > 0)
        {
            Console.WriteLine($"  of those agents {trained:N0} train on, and the others say why they do not");
        }

        return faults == 0 && most <= MostMemory;
    }

    /// <summary>Whether the file that was loaded last trains on; false if it says what keeps it from that. Any other
    /// outcome is an exception.</summary>
    private static bool Trains(string folder)
    {
        using var agent = Agent.Load(PathIn(folder), 1);
        try
        {
            agent.TrainFor(1);
            return true;
        }
        catch (Exception error) when (
            error is InvalidDataException or ArgumentException or TrainingFailureException or EnvironmentException
            || error.GetType() == typeof(InvalidOperationException))
        {
            return false;
        }
    }

    private static string PathIn(string folder) => Path.Combine(folder, "damaged.rl");

    /// <summary>Whether a file loads and acts as its spaces say; false if it is refused as it should be. Any other
    /// outcome is an exception.</summary>
    private static bool Load(string folder, byte[] bytes, out long memory)
    {
        var path = PathIn(folder);
        File.WriteAllBytes(path, bytes);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, true, true);
        var before = Memory.Resident;
        Memory.ResetPeak();
        try
        {
            using var agent = Agent.Load(path, 1);
            var action = agent.Predict(new float[agent.ObservationSpace.Size]);
            return agent.ActionSpace.Contains(action) && agent.Parameters.ToArray().All(float.IsFinite)
                ? true
                : throw new InvalidOperationException($"It acts with {string.Join(", ", action)}.");
        }
        catch (Exception error) when (
            error is InvalidDataException or ArgumentException
            && error.Message.Contains(path, StringComparison.Ordinal))
        {
            return false;
        }
        catch (InvalidOperationException error) when (
            error.Message.Contains("too large to act with", StringComparison.Ordinal))
        {
            return false;
        }
        finally
        {
            memory = Memory.Peak - before;
        }
    }
}
