using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;

namespace Rl.Reliability;

/// <summary>One process that trains, saves, loads anew, and serves predictions from the newest policies to many threads
/// meanwhile: does its memory stay what it was?</summary>
internal static class Soak
{
    private const int Servers = 4;

    /// <summary>Milliseconds between the requests of a server.</summary>
    private const int Pause = 20;

    private const long Endless = 100_000_000_000;
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(5);

    private static readonly (string Task, AgentOptions Options, int Steps)[] Trained =
    [
        ("CartPole-v1", new PpoOptions { TotalSteps = Endless }, 10_000),
        ("CartPole-v1", new PpoOptions { TotalSteps = Endless, Recurrence = Recurrence.Gru }, 1_000),
        ("CartPole-v1", new DqnOptions { TotalSteps = Endless, BufferSize = 20_000, PriorityExponent = 0.6 }, 2_000),
        ("Pendulum-v1", new SacOptions { TotalSteps = Endless, BufferSize = 5_000, Hidden = [64, 64] }, 300),
    ];

    public static int Run(TimeSpan time)
    {
        var folder = Directory.CreateTempSubdirectory("rl-soak-").FullName;
        var policies = new Policy?[Trained.Length];
        long requests = 0, steps = 0, rounds = 0;
        var failures = new List<Exception>();
        var isOver = false;
        var clock = Stopwatch.StartNew();

        Thread Start(Action<Func<bool>> work)
        {
            var thread = new Thread(() =>
            {
                try
                {
                    work(() => Volatile.Read(ref isOver));
                }
                catch (Exception error)
                {
                    lock (failures)
                    {
                        failures.Add(error);
                    }
                }
            });
            thread.Start();
            return thread;
        }

        var threads = new List<Thread>
        {
            Start(over =>
            {
                while (!over())
                {
                    for (var agent = 0; agent < Trained.Length && !over(); agent++)
                    {
                        Interlocked.Add(ref steps, Round(Path.Combine(folder, $"{agent}.rl"), agent, policies));
                    }

                    Interlocked.Increment(ref rounds);
                }
            }),
        };
        for (var server = 0; server < Servers; server++)
        {
            var seed = server;
            threads.Add(Start(over =>
            {
                var random = new Random(seed);
                while (!over())
                {
                    foreach (var policy in policies.Select((_, index) => Volatile.Read(ref policies[index])))
                    {
                        if (policy is not null)
                        {
                            Interlocked.Add(ref requests, Serve(policy, random));
                        }
                    }

                    Thread.Sleep(Pause);
                }
            }));
        }

        Console.WriteLine("minute  steps trained  rounds    predictions  resident  live, managed  threads  files");
        (long Resident, long Live) warm = default, last = default;
        for (var minute = 1; clock.Elapsed < time && failures.Count == 0; minute++)
        {
            var until = TimeSpan.FromMinutes(minute);
            while (clock.Elapsed < until && failures.Count == 0)
            {
                Thread.Sleep(100);
            }

            // What is free in the heap goes back first: how much of that the runtime keeps is its own affair.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, true, true);
            last = (Memory.Resident, GC.GetTotalMemory(false));
            using var process = Process.GetCurrentProcess();
            Console.WriteLine(
                $"{minute,6}  {Interlocked.Read(ref steps),13:N0}  {Interlocked.Read(ref rounds),6:N0}  "
                + $"{Interlocked.Read(ref requests),13:N0}  {Memory.Megabytes(last.Resident)}  "
                + $"    {Memory.Megabytes(last.Live)}  {process.Threads.Count,7}  {Memory.Descriptors,5}");
            if (until <= WarmUp)
            {
                warm = last;
            }
        }

        Volatile.Write(ref isOver, true);
        threads.ForEach(thread => thread.Join());
        Directory.Delete(folder, true);
        failures.ForEach(Console.WriteLine);

        // What is live may differ by the moment of the measurement, within a round.
        var isFlat = last.Resident < (1.05 * warm.Resident) + (4 << 20) && last.Live < (1.05 * warm.Live) + (4 << 20);
        Console.WriteLine(isFlat ? "flat" : "GROWING");
        return isFlat && failures.Count == 0 ? 0 : 1;
    }

    /// <summary>What a service does between two of its checkpoints, from a file to the next; gives the steps.</summary>
    private static long Round(string path, int number, Policy?[] policies)
    {
        var (task, options, count) = Trained[number];
        using var agent = File.Exists(path)
            ? Agent.Load(path, threads: 1)
            : Agent.Create(options with { Threads = 1 }, Environments.Make(task), (ulong)number);
        var result = agent.TrainFor(count);
        Volatile.Write(ref policies[number], agent.ToPolicy());
        agent.Evaluate(2);
        agent.Save(path);
        return result.StepsTaken;
    }

    /// <summary>Some requests of each kind; gives their number.</summary>
    private static int Serve(Policy policy, Random random)
    {
        var seen = new float[policy.ObservationSpace.Size];
        var action = new float[policy.ActionSpace.Size];
        const int Requests = 20;
        const int Batch = 64;
        if (policy.HasMemory)
        {
            var episode = policy.BeginEpisode();
            for (var request = 0; request < Requests; request++)
            {
                Fill(seen, random);
                episode.Predict(seen, action);
            }

            return Requests;
        }

        for (var request = 0; request < Requests; request++)
        {
            Fill(seen, random);
            policy.Predict(seen, action);
            policy.Sample(seen, action, random);
        }

        var crowd = new float[Batch * seen.Length];
        Fill(crowd, random);
        policy.PredictBatch(crowd, new float[Batch * action.Length]);
        return (2 * Requests) + Batch;
    }

    private static void Fill(float[] values, Random random)
    {
        for (var index = 0; index < values.Length; index++)
        {
            values[index] = random.NextSingle() - 0.5f;
        }
    }
}
