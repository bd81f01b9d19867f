using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Algorithms;
using Rl.Core.Autodiff;
using Rl.Core.Learning;

namespace Rl.Internal;

/// <summary>Expressions, programs and losses between C# and F#.</summary>
internal static class ExprConvert
{
    /// <summary>The algorithm of a loss.</summary>
    public static AlgorithmEntry PolicyLoss(
        string id, string summary, Func<Core.Algorithms.PolicySamples, IReadOnlyList<LossTerm>> loss) =>
        PolicyLossModule.entry(new(
            id,
            id,
            summary,
            Convert.FunctionOf((Core.Algorithms.PolicySamples samples) =>
                Convert.ListOf(loss(samples).Select(term => Term(id, term))))));

    /// <summary>The algorithm of a loss of action values.</summary>
    public static AlgorithmEntry ValueLoss(
        string id, string summary, Func<Core.Algorithms.ValueSamples, IReadOnlyList<LossTerm>> loss) =>
        ValueLossModule.entry(new(
            id,
            id,
            summary,
            Convert.FunctionOf((Core.Algorithms.ValueSamples samples) =>
                Convert.ListOf(loss(samples).Select(term => Term(id, term))))));

    private static Core.Learning.Term Term(string loss, LossTerm? term) => term switch
    {
        null => throw new ArgumentException($"A term of the loss {loss} is null; leave it out.", nameof(loss)),
        { IsReport: true } => TermModule.report(term.Name, term.PerSample.Node),
        _ => TermModule.mean(term.Name, term.Weight, term.PerSample.Node),
    };

    /// <summary>The program of named expressions.</summary>
    public static Program<T> Compile<T>(
        IEnumerable<(string Name, Core.Autodiff.Expr Value)> outputs)
        where T : unmanaged =>
        Program.ofOutputs<T>(
            Convert.ListOf(outputs.Select(output => Tuple.Create(output.Name, output.Value))));

    /// <summary>The names and shapes of a program's inputs or outputs.</summary>
    public static (string Name, IReadOnlyList<int> Shape)[] Shapes(IEnumerable<Tuple<string, int[]>> places) =>
        [.. places.Select(place => (place.Item1, (IReadOnlyList<int>)Array.AsReadOnly(place.Item2)))];
}
