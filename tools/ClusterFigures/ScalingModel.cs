using System;
using System.Collections.Generic;
using System.Linq;
using MathNet.Numerics;
using MathNet.Numerics.Distributions;

namespace Rl.ClusterFigures;

/// <summary>What a round with W workers took, as measured.</summary>
/// <param name="Workers">W.</param>
/// <param name="Acting">Seconds from the first request to the last answer.</param>
/// <param name="Learning">Seconds of learning from what came.</param>
internal readonly record struct RoundMeasurement(int Workers, double Acting, double Learning);

/// <summary>How long a round of W workers takes: each acts for <see cref="Acting"/> seconds, more or less by
/// <see cref="Spread"/>; for each the learner spends <see cref="Share"/> seconds on its request and its answer, and
/// <see cref="Learning"/> on learning from it, one after the other.</summary>
/// <param name="Acting">A: the seconds that a worker acts.</param>
/// <param name="Spread">σ: the standard deviation of ln of a worker's seconds about ln A.</param>
/// <param name="Share">s: the learner's seconds for a worker's request and answer.</param>
/// <param name="Learning">l: its seconds of learning from a worker's steps.</param>
internal sealed record ScalingModel(double Acting, double Spread, double Share, double Learning)
{
    /// <summary>The model of measured rounds, by least squares over W.</summary>
    public static ScalingModel Fit(IReadOnlyList<RoundMeasurement> rounds, double spread)
    {
        var workers = rounds.Select(round => (double)round.Workers).ToArray();
        var (acting, share) = MathNet.Numerics.Fit.Line(workers, rounds.Select(round => round.Acting).ToArray());
        var (_, learning) = MathNet.Numerics.Fit.Line(workers, rounds.Select(round => round.Learning).ToArray());
        return new(acting, spread, Math.Max(share, 0), Math.Max(learning, 0));
    }

    /// <summary>Seconds a round, T(W) = A exp(σ z) + (s + l) W / P + g, where z is the normal quantile of
    /// W / (W + 1), about where the slowest of W is, P the parts that learners share a round in, and g what they spend
    /// on agreeing about gradients.</summary>
    public double Round(int workers, int learners = 1, double agreeing = 0) =>
        Acting * Math.Exp(Spread * Normal.InvCDF(0, 1, workers / (workers + 1.0)))
            + (Share + Learning) * workers / learners + agreeing;

    /// <summary>The steps of W workers a round, against W times those of a process that acts and learns
    /// alone.</summary>
    public double Efficiency(int workers, int learners = 1, double agreeing = 0) =>
        (Acting + Learning) / Round(workers, learners, agreeing);

    /// <summary>The workers at which half of what they act is lost: A / (s + l).</summary>
    public double HalfWorkers => Acting / (Share + Learning);

    /// <summary>The mean seconds of simulated rounds. Each of P learners has its own workers: it sends their requests
    /// one after the other, and takes in answers as they come, each for half of s; when the last is in, it learns, and
    /// agrees with the others.</summary>
    public double Simulate(int workers, int rounds, int seed, int learners = 1, double agreeing = 0)
    {
        var random = new Random(seed);
        var total = 0.0;
        for (var round = 0; round < rounds; round++)
        {
            var slowest = 0.0;
            for (var learner = 0; learner < learners; learner++)
            {
                var own = (int)((long)(learner + 1) * workers / learners - (long)learner * workers / learners);
                slowest = Math.Max(slowest, OneLearner(own, random));
            }

            total += slowest + agreeing;
        }

        return total / rounds;
    }

    private double OneLearner(int workers, Random random)
    {
        var arrivals = new PriorityQueue<int, double>(workers);
        var clock = 0.0;
        for (var worker = 0; worker < workers; worker++)
        {
            clock += Share / 2;
            arrivals.Enqueue(worker, clock + Acting * Math.Exp(Spread * Normal.Sample(random, 0, 1)));
        }

        while (arrivals.TryDequeue(out _, out var arrival))
        {
            clock = Math.Max(clock, arrival) + Share / 2;
        }

        return clock + Learning * workers;
    }
}
