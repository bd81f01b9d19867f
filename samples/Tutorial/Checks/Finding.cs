namespace Rl.Tutorial;

/// <summary>How a gap stands.</summary>
public enum Standing
{
    /// <summary>Nobody has begun: it throws <see cref="System.NotImplementedException"/>.</summary>
    Open,

    /// <summary>It gives something else than it should.</summary>
    Wrong,

    /// <summary>It gives what it should.</summary>
    Right,
}

/// <summary>What a check has found.</summary>
/// <param name="Todo">The number of the gap, 1 to 5.</param>
/// <param name="Title">What is to be done there.</param>
/// <param name="Standing">How it stands.</param>
/// <param name="Says">What is wrong, or what to begin with; empty where it is right.</param>
public sealed record Finding(int Todo, string Title, Standing Standing, string Says);
