namespace Rl.MuJoCo;

/// <summary>Two shapes that touch, or are within their margin.</summary>
/// <param name="First">The index of the first shape; −1 for a part of a flexible body.</param>
/// <param name="Second">The index of the second shape; −1 for a part of a flexible body.</param>
/// <param name="Distance">The gap between the surfaces, m; negative where they overlap.</param>
/// <param name="Position">The point midway between the surfaces, m.</param>
/// <param name="Normal">The direction from the first shape to the second, of length 1.</param>
/// <param name="NormalForce">The force that presses them apart, N.</param>
public readonly record struct MujocoContact(
    int First,
    int Second,
    double Distance,
    (double X, double Y, double Z) Position,
    (double X, double Y, double Z) Normal,
    double NormalForce);
