using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Rl.Data.Internal;

namespace Rl.Data;

/// <summary>One thing that is wrong or noteworthy in a data set.</summary>
/// <param name="IsFault">Whether nothing should be learned from the data as they are; else it is advice.</param>
/// <param name="Message">What it is, with file, episode and step.</param>
public sealed record DatasetFinding(bool IsFault, string Message);

/// <summary>Looks at every number of a data set.</summary>
public static class DatasetCheck
{
    /// <summary>All that is wrong with a data set: other spaces, NaN and infinities, episodes without ends, missing
    /// last observations, actions outside their space, damaged files.</summary>
    /// <param name="data">The data set.</param>
    /// <param name="environment">An environment whose spaces it must have; null for any.</param>
    /// <param name="most">How many findings are enough; at least 1.</param>
    /// <returns>The findings, in the order of the episodes; none where all is well.</returns>
    /// <exception cref="IOException">A file cannot be read at all.</exception>
    public static IReadOnlyList<DatasetFinding> Run(Dataset data, IEnvironment? environment = null, int most = 100)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        List<DatasetFinding> findings = [];
        if (environment is not null)
        {
            Compare(data.Path, "observations", data.ObservationSpace, environment.ObservationSpace, environment.Name);
            Compare(data.Path, "actions", data.ActionSpace, environment.ActionSpace, environment.Name);
        }

        var walk = new Walk(data, findings, most);
        walk.Run();
        return findings;

        void Compare(string path, string what, Space found, Space wanted, string name)
        {
            if (!found.Equals(wanted))
            {
                findings.Add(new(true, $"{path}: its {what} are {found}; {name} has {wanted}."));
            }
        }
    }

    /// <summary>One walk through all episodes.</summary>
    private sealed class Walk(Dataset data, List<DatasetFinding> findings, int most)
    {
        private readonly SpaceCheck observations = SpaceCheck.Of(data.ObservationSpace, checksBoxes: true);
        private readonly EpisodeShapes shapes = new(data.ObservationSpace, data.ActionSpace);
        private long episodes;
        private long steps;
        private long outside;
        private long openEnds;
        private string firstOutside = string.Empty;

        public void Run()
        {
            var isWhole = Attempts();
            if (isWhole && data.EpisodeCount is { } stated && stated != episodes)
            {
                Fault($"{data.Path} states {stated} episodes, but has {episodes}.");
            }

            if (isWhole && data.StepCount is { } total && total != steps && !findings.Any(finding => finding.IsFault))
            {
                Fault($"{data.Path} states {total} steps, but has {steps}.");
            }

            if (episodes == 0 && isWhole)
            {
                Fault($"{data.Path} has no episodes.");
            }

            if (outside > 0)
            {
                findings.Add(new(
                    false,
                    $"{data.Path}: {outside} episodes have observations outside their box, first {firstOutside}. "
                    + "Learning does not mind; a box that says more than is true may mislead."));
            }

            if (openEnds > 0)
            {
                findings.Add(new(
                    false,
                    $"{data.Path}: {openEnds} episodes stop without a terminal state or a time limit; they count as "
                    + "truncated."));
            }
        }

        /// <summary>Reads each episode; whether the data could be read to their end.</summary>
        private bool Attempts()
        {
            try
            {
                foreach (var attempt in data.Attempts(true))
                {
                    episodes++;
                    Attempt(attempt);
                    if (findings.Count >= most)
                    {
                        findings.Add(new(false, $"{data.Path}: there may be more; the check stopped here."));
                        return false;
                    }
                }

                return true;
            }
            catch (Exception error) when (error is InvalidDataException or NotSupportedException)
            {
                Fault(error.Message);
                return false;
            }
        }

        private void Attempt(Func<DatasetEpisode> attempt)
        {
            try
            {
                var episode = attempt();
                steps += episode.Steps.Steps;
                openEnds += episode.HasEnd ? 0 : 1;
                if (data.Format == DatasetFormat.Memory)
                {
                    shapes.Require(episode.Number, episode.Steps);
                }

                if (observations.Find(episode.Steps.Observations.Span) is var (step, text))
                {
                    outside++;
                    firstOutside = outside == 1 ? $"episode {episode.Number}, step {step}, which {text}" : firstOutside;
                }
            }
            catch (Exception error) when (error is InvalidDataException or ArgumentException)
            {
                Fault(error.Message);
            }
        }

        private void Fault(string message) => findings.Add(new(true, message));
    }
}
