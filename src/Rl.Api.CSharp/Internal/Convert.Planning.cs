using System;
using System.Collections.Generic;
using System.Linq;
using Rl.Core.Acting;
using Rl.Core.Environments;
using Rl.Core.Learning;
using Rl.Core.Planning;

namespace Rl.Internal;

/// <content>Planners.</content>
internal static partial class Convert
{
    public static IReadOnlyList<PlannerDescription> PlannerDescriptions() => Array.AsReadOnly(
        Core.Planning.Planners.entries.Select(entry => new PlannerDescription(
            entry.Id,
            entry.Name,
            entry.Summary,
            entry.Source,
            Array.AsReadOnly(entry.Options.Select(option => new PlannerOption(
                option.Item1, option.Item2, OptionKindModule.range(option.Item3))).ToArray()))).ToArray());

    public static PlannerChoice Choose(string id, IEnumerable<(string Name, string Value)> settings) =>
        Core.Planning.Planners.find(id).Choose.Invoke(
            ListOf(settings.Select(setting => System.Tuple.Create(setting.Name, setting.Value))));

    public static IPlayer Player(PlannerChoice choice, Simulator simulator, int copy) =>
        choice.Create.Invoke(simulator).Invoke(copy);
}
