using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;

namespace Rl.Reliability;

/// <summary>Kills <c>rl train</c> by SIGKILL at random moments, one to five times a run, and resumes it: does each end
/// with the bytes of a run that nobody disturbed?</summary>
internal static class Kills
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Runs that save every few updates.</summary>
    private static readonly string[][] Trained =
    [
        ["ppo", "CartPole-v1", "--steps", "20000", "--checkpoint-every", "1000"],
        [
            "dqn", "CartPole-v1", "--steps", "5000", "--checkpoint-every", "100",
            "--set", "BufferSize=8000", "--set", "Hidden=64",
        ],
    ];

    public static int Run(int kills, int seed)
    {
        var random = new Random(seed);
        var folder = Directory.CreateTempSubdirectory("rl-kills-").FullName;
        var areSame = true;
        foreach (var (words, index) in Trained.Select((words, index) => (words, index)))
        {
            var count = (kills * (index + 1) / Trained.Length) - (kills * index / Trained.Length);
            areSame &= new Experiment(words, Path.Combine(folder, words[0]), random).Kill(count);
        }

        Directory.Delete(folder, true);
        return areSame ? 0 : 1;
    }

    private sealed class Experiment(string[] words, string folder, Random random)
    {
        private int all, beforeFirst, withinSave, resumed, runs, others;
        private TimeSpan starting, training;

        private string Run => Path.Combine(folder, "run");

        private string Agent => Path.Combine(Run, "agent.rl");

        public bool Kill(int kills)
        {
            var undisturbed = Path.Combine(folder, "undisturbed");
            var clock = Stopwatch.StartNew();
            var process = Command.Start(["train", .. words, "--run", undisturbed, "--episodes", "1"]);
            WaitForSave(process, Path.Combine(undisturbed, "agent.rl"), default);
            starting = clock.Elapsed;
            Finish(process);
            training = clock.Elapsed - starting;
            var expected = File.ReadAllBytes(Path.Combine(undisturbed, "agent.rl"));
            while (all < kills)
            {
                process = Begin();
                for (var again = random.Next(1, 6); again > 0 && all < kills; again--)
                {
                    if (!KillWithin(process))
                    {
                        break;
                    }

                    process = File.Exists(Agent) ? Resume() : Begin();
                }

                Finish(process);
                runs++;
                Console.Error.Write($"\r{words[0]}: {all} of {kills} kills");
                others += File.ReadAllBytes(Agent).AsSpan().SequenceEqual(expected) ? 0 : 1;
                Directory.Delete(Run, true);
            }

            Console.Error.Write($"\r{string.Empty,-40}\r");
            Console.WriteLine(
                $"{words[0]}: {all} kills in {runs} runs of {(starting + training).TotalSeconds:0.0} s: {withinSave} "
                + $"within a save, {resumed} of a run that had been resumed, {beforeFirst} before the first save; "
                + $"{runs - others} runs ended with the bytes of the undisturbed one, {others} with others");
            return others == 0;
        }

        private Process Begin() =>
            Command.Start(["train", .. words, "--run", Run, "--episodes", "1", "--overwrite"]);

        private Process Resume() =>
            Command.Start("train", "--resume", Run, "--episodes", "1", "--checkpoint-every", words[5]);

        /// <summary>Kills at a random moment of the training, one time in eight of all its life; and every other time
        /// not before a save is under way. False if the run ended before.</summary>
        private bool KillWithin(Process process)
        {
            var before = SavedAt(Agent);
            var wasResumed = File.Exists(Agent);
            if (random.Next(8) == 0)
            {
                process.WaitForExit((starting + training) * random.NextDouble());
            }
            else
            {
                WaitForSave(process, Agent, before);
                process.WaitForExit(training * random.NextDouble());
            }

            for (var waits = random.Next(2) == 0; waits && !process.HasExited && !IsSaving();)
            {
                Thread.Sleep(1);
            }

            if (process.HasExited)
            {
                return false;
            }

            process.Kill();
            Command.Finish(process);
            all++;
            resumed += wasResumed ? 1 : 0;
            beforeFirst += File.Exists(Agent) ? 0 : 1;
            withinSave += IsSaving() ? 1 : 0;
            return true;
        }

        private static DateTime SavedAt(string path) => File.Exists(path) ? File.GetLastWriteTimeUtc(path) : default;

        /// <summary>Waits for a save that is not that of the moment <paramref name="before"/>.</summary>
        private static void WaitForSave(Process process, string path, DateTime before)
        {
            while (!process.HasExited && SavedAt(path) == before)
            {
                Thread.Sleep(1);
            }
        }

        /// <summary>Whether a file lies there that is to become the agent.</summary>
        private bool IsSaving() => Directory.Exists(Run) && Directory.EnumerateFiles(Run, "agent.rl.*.tmp").Any();

        private static void Finish(Process process)
        {
            using var guard = new Timer(_ => process.Kill(), null, Patience, Timeout.InfiniteTimeSpan);
            var (code, output, errors) = Command.Finish(process);
            if (code != 0)
            {
                throw new InvalidOperationException($"rl ended with {code}:\n{output}\n{errors}");
            }
        }
    }
}
