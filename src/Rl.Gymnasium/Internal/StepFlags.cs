using System;

namespace Rl.Gymnasium.Internal;

/// <summary>What a step says of a copy besides its numbers, as the bridge's byte.</summary>
[Flags]
internal enum StepFlags : byte
{
    None = 0,
    Terminated = 1,
    Truncated = 2,

    /// <summary>The step began an episode instead of taking its action.</summary>
    Started = 4,
}
