namespace Rl.Samples;

/// <summary>How lights are switched without learning.</summary>
internal static class Heuristics
{
    /// <summary>Green for the longer queue: a light changes when the queue that waits is longer than the one that
    /// drives by more than <paramref name="margin"/> cars.</summary>
    public static float[] LongestQueue(Crossings lights, int margin)
    {
        var action = new float[Crossings.Lights];
        for (var light = 0; light < action.Length; light++)
        {
            var (green, red) = (lights.Green(light), 1 - lights.Green(light));
            action[light] = lights.Queue(light, red) > lights.Queue(light, green) + margin ? red : green;
        }

        return action;
    }

    /// <summary>So many steps of green for each direction by turns, whatever comes.</summary>
    public static float[] FixedTime(Crossings lights, int east, int south)
    {
        var action = new float[Crossings.Lights];
        for (var light = 0; light < action.Length; light++)
        {
            var green = lights.Green(light);
            var isOver = lights.SinceChange(light) >= (green == Crossings.East ? east : south);
            action[light] = isOver ? 1 - green : green;
        }

        return action;
    }
}
