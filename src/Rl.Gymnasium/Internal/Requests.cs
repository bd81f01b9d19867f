namespace Rl.Gymnasium.Internal;

/// <summary>The first bytes of requests.</summary>
internal static class Requests
{
    public const byte Reset = 1;
    public const byte Step = 2;
    public const byte Render = 3;
    public const byte Close = 4;
}
