namespace Rl.Data.Internal;

/// <summary>Looks whether actions, and the integers among observations, lie in their spaces; made once for all
/// episodes.</summary>
/// <param name="observations">What was observed.</param>
/// <param name="actions">What could be done.</param>
/// <param name="clips">Whether actions outside their box are moved onto its bounds.</param>
internal sealed class InsideCheck(Space observations, Space actions, bool clips)
{
    private readonly SpaceCheck observed = SpaceCheck.Of(observations, checksBoxes: false);
    private readonly SpaceCheck acted = SpaceCheck.Of(actions, checksBoxes: true);

    /// <summary>Looks at an episode.</summary>
    /// <exception cref="System.IO.InvalidDataException">Something lies outside; the message names file, episode and
    /// step.</exception>
    public void Require(EpisodeParts parts, float[] observations, float[] actions)
    {
        if (observed.Find(observations) is var (row, text))
        {
            throw parts.Wrong(row, $"the observation {text}");
        }

        if (clips)
        {
            acted.Clip(actions);
        }

        if (acted.Find(actions) is var (step, outside))
        {
            throw parts.Wrong(
                step,
                $"the action {outside}; give another action space (ActionSpace, --like), or let actions be clipped "
                + "(ClipActions, --clip-actions)");
        }
    }
}
