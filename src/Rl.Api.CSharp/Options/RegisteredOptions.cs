using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Core.Algorithms;
using Rl.Core.Environments;
using Rl.Core.Foundations;
using Rl.Core.Learning;
using Rl.Internal;

namespace Rl;

/// <summary>The options of an algorithm of your own, by name: see <see cref="Plugin"/>.</summary>
public sealed record RegisteredOptions : AgentOptions
{
    private readonly AlgorithmEntry entry;
    private readonly ValueList<KeyValuePair<string, string>> settings;

    internal RegisteredOptions(AlgorithmEntry entry, IEnumerable<Tuple<string, string>> settings)
    {
        this.entry = entry;
        this.settings = Read(entry, settings);
    }

    /// <inheritdoc/>
    public override string Algorithm => entry.Id;

    /// <inheritdoc/>
    public override long TotalSteps
    {
        get => long.Parse(this[nameof(TotalSteps)], CultureInfo.InvariantCulture);
        init => settings = Changed(nameof(TotalSteps), value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Every option with its value as text, in the algorithm's order.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings => settings;

    /// <summary>An option's value as text; names match whatever their case.</summary>
    /// <exception cref="ArgumentException">There is no such option; the message lists those there are.</exception>
    public string this[string name] =>
        settings.Where(setting => string.Equals(setting.Key, name, StringComparison.OrdinalIgnoreCase))
            .Select(setting => setting.Value).FirstOrDefault()
        ?? throw new ArgumentException(
            $"There is no option \"{name}\"; the options are "
                + $"{string.Join(", ", settings.Select(setting => setting.Key))}.",
            nameof(name));

    /// <summary>These options with one changed.</summary>
    /// <exception cref="ArgumentException">There is no such option, or the text is no such value.</exception>
    public RegisteredOptions With(string name, string value)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(value);
        return new RegisteredOptions(entry, Pairs().Append(new(name, value)))
        {
            EnvironmentCopies = EnvironmentCopies,
            Threads = Threads,
        };
    }

    internal override AgentOptions WithTotalSteps(long totalSteps) => this with { TotalSteps = totalSteps };

    internal override AgentOptions WithSettings(IEnumerable<Tuple<string, string>> given) =>
        new RegisteredOptions(entry, given) { EnvironmentCopies = EnvironmentCopies, Threads = Threads };

    internal override Learner CreateLearner(BatchEnvironment environment, Workers workers) =>
        entry.Create.Invoke(Convert.ToPairs(Pairs())).Invoke(environment).Invoke(workers);

    private protected override void ValidateAlgorithm() => entry.Validate.Invoke(Convert.ToPairs(Pairs()));

    private protected override IEnumerable<Tuple<string, string>> Pairs() =>
        settings.Select(setting => Tuple.Create(setting.Key, setting.Value));

    private static ValueList<KeyValuePair<string, string>> Read(
        AlgorithmEntry entry, IEnumerable<Tuple<string, string>> given) =>
        ValueList<KeyValuePair<string, string>>.Of(
            Convert.ToList(entry.Settings.Invoke(Convert.ToPairs(given))), nameof(given));

    private ValueList<KeyValuePair<string, string>> Changed(string name, string value) =>
        Read(entry, Pairs().Append(new(name, value)));
}
