namespace Rl.Mutants;

/// <summary>
/// One text that holds every fault behind a switch, so that one build serves all of them (Untch, Offutt and Harrold,
/// "Mutation analysis using mutant schemata", 1993).
/// </summary>
internal static class Schema
{
    /// <summary>The switch, as the first file of the core: it is read once, so that the compiler at run time folds it
    /// away.</summary>
    public const string SwitchSource =
        """
        /// Which fault is switched on: the environment variable RL_MUTANT, 0 if none.
        module Rl.Core.Mutants

        let active =
            match System.Environment.GetEnvironmentVariable "RL_MUTANT" with
            | null
            | "" -> 0
            | text -> int text

        """;

    private sealed record Site(int Start, int End, Fault Fault);

    /// <summary>The text of a file with its faults behind switches. Fails if a fault's original is not there exactly
    /// once.</summary>
    public static string Apply(string text, IEnumerable<Fault> faults)
    {
        var sites = faults.Select(fault => Find(text, fault))
            .OrderBy(site => site.Start)
            .ThenByDescending(site => site.End).ToList();
        return Render(text, 0, text.Length, sites);
    }

    private static Site Find(string text, Fault fault)
    {
        int start = text.IndexOf(fault.Original, StringComparison.Ordinal);

        if (start < 0)
        {
            throw new FormatException(
                $"Fault {fault.Id}: {fault.File} no longer contains "
                    + $"the original; write the entry anew:\n{fault.Original}");
        }

        if (text.IndexOf(fault.Original, start + 1, StringComparison.Ordinal) >= 0)
        {
            throw new FormatException(
                $"Fault {fault.Id}: {fault.File} contains the original more than once; "
                    + $"give more of the text around it:\n{fault.Original}");
        }

        return new Site(start, start + fault.Original.Length, fault);
    }

    /// <summary>Rewrites text[start..end]; a site may hold others, or several faults.</summary>
    private static string Render(string text, int start, int end, List<Site> sites)
    {
        var result = new System.Text.StringBuilder();
        int at = start;

        while (sites.Count > 0)
        {
            var outer = sites[0];
            var same = sites.Where(site => site.Start == outer.Start && site.End == outer.End).ToList();
            var inner = sites.Where(site => site.Start >= outer.Start && site.End <= outer.End).Except(same).ToList();
            sites = sites.Except(same).Except(inner).ToList();

            if (sites.Count > 0 && sites[0].Start < outer.End)
            {
                throw new FormatException(
                    $"The originals of the faults {outer.Fault.Id} and {sites[0].Fault.Id} "
                        + "overlap; make them the same or one part of the other.");
            }

            result.Append(text, at, outer.Start - at).Append(Switch(text, outer, same, inner));
            at = outer.End;
        }

        return result.Append(text, at, end - at).ToString();
    }

    private static string Switch(string text, Site place, List<Site> same, List<Site> inner)
    {
        if (same.Any(site => site.Fault.HoldsSwitch))
        {
            if (same.Count + inner.Count > 1)
            {
                throw new FormatException(
                    $"Fault {place.Fault.Id} holds its own switch, so no other fault may share its place.");
            }

            return place.Fault.Faulty.Replace(
                Fault.Question, $"(Rl.Core.Mutants.active = {place.Fault.Id})", StringComparison.Ordinal);
        }

        var choices = string.Concat(
            same.Select(site => $"if Rl.Core.Mutants.active = {site.Fault.Id} then ({site.Fault.Faulty}) else "));
        return $"({choices}({Render(text, place.Start, place.End, inner)}))";
    }
}
