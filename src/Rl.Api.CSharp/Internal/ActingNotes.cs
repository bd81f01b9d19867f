using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Rl.Core.Training;

namespace Rl.Internal;

/// <summary>What an agent's file notes of the environment, so that it acts rightly where that is not at hand.</summary>
internal static class ActingNotes
{
    private const string Masks = "acting.actionMasks";
    private const string Limit = "acting.maxEpisodeSteps";

    /// <summary>The facts that are needed; most agents need none.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Of(ActingFacts facts, Wrapping wrapping)
    {
        if (facts.HasActionMasks)
        {
            yield return new(Masks, Convert.Text(true));
        }

        if (facts.MaxEpisodeSteps > 0 && wrapping.Wrappers.Any(wrapper => wrapper.IsTimeAwareObservation))
        {
            yield return new(Limit, Convert.Text(facts.MaxEpisodeSteps));
        }
    }

    /// <summary>The facts that notes tell.</summary>
    public static ActingFacts Read(IEnumerable<KeyValuePair<string, string>> notes)
    {
        var found = notes.ToDictionary(note => note.Key, note => note.Value);
        _ = int.TryParse(
            found.GetValueOrDefault(Limit), NumberStyles.None, CultureInfo.InvariantCulture, out var limit);
        return new(limit, found.GetValueOrDefault(Masks) == Convert.Text(true));
    }
}
