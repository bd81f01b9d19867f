using System;
using System.Collections.Generic;
using System.Globalization;
using System.Threading;
using Rl.MuJoCo.Internal;

namespace Rl.MuJoCo;

/// <summary>A robot in motion: the state of a model, and what follows from it.</summary>
/// <remarks>
/// <para>Spans show MuJoCo's own memory. They are valid until the simulation is disposed of: keep it as long as
/// them.</para>
/// <para>Used by one thread at a time; different simulations of one model run on different threads. A call while
/// another thread is in one is refused.</para>
/// <para>Positions, velocities and controls are those of now. All else (places of bodies and sites, accelerations,
/// forces, sensors) is what the last evaluation within the last step computed, which a step leaves a little behind the
/// positions: by one time step with Euler's method, within it with Runge and Kutta's. <see cref="Forward"/> brings it
/// up to date; Gymnasium's tasks do without.</para>
/// </remarks>
public sealed unsafe partial class MujocoSimulation : IDisposable
{
    private readonly Native native;
    private readonly Layout layout;
    private readonly DataHandle data;
    private readonly int[] blowupPlaces;
    private int isBusy;
    private bool isBroken;
    private bool hasBodyForces;

    /// <summary>A simulation that begins in the model's initial state, with everything evaluated there.</summary>
    /// <param name="model">The robot.</param>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <exception cref="MujocoException">MuJoCo cannot evaluate the model, for example because the sizes in its file
    /// are too small.</exception>
    public MujocoSimulation(MujocoModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ObjectDisposedException.ThrowIf(model.IsDisposed, model);
        Model = model;
        native = model.Native;
        layout = native.Layout;
        data = new(native, model.Handle);
        blowupPlaces =
        [
            WarningPlace("warning.badqpos"), WarningPlace("warning.badqvel"), WarningPlace("warning.badqacc"),
        ];
        try
        {
            Reset();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The robot.</summary>
    public MujocoModel Model { get; }

    /// <summary>The time since the last reset, s.</summary>
    public double Time
    {
        get => *Number("data.time");
        set
        {
            RequireFinite(value, nameof(value));
            *Number("data.time") = value;
        }
    }

    /// <summary>How often the state has blown up, and MuJoCo has put the model into its initial state.</summary>
    public int BlowupCount { get; private set; }

    /// <summary>Puts the model into its initial state: at time 0, at rest, controls 0; and evaluates it.</summary>
    public void Reset() => Do(static simulation =>
    {
        simulation.native.ResetData(simulation.Model.Handle.Pointer, simulation.Data);
        simulation.native.Forward(simulation.Model.Handle.Pointer, simulation.Data);
    });

    /// <summary>Puts the model into a state that its file has as a keyframe, and evaluates it.</summary>
    /// <param name="keyframe">The keyframe's name.</param>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public void Reset(string keyframe)
    {
        var index = Model.Keyframes[keyframe].Index;
        Do(simulation =>
        {
            simulation.native.ResetToKeyframe(simulation.Model.Handle.Pointer, simulation.Data, index);
            simulation.native.Forward(simulation.Model.Handle.Pointer, simulation.Data);
        });
    }

    /// <summary>Evaluates everything that follows from positions, velocities and controls, without moving.</summary>
    /// <remarks>Quaternions become of length 1. It changes from where the solver of contacts starts in the next step,
    /// and by that its last digits.</remarks>
    public void Forward() => Do(static simulation =>
        simulation.native.Forward(simulation.Model.Handle.Pointer, simulation.Data));

    /// <summary>Moves on by a number of time steps.</summary>
    /// <param name="count">How many; at least 1.</param>
    /// <exception cref="InvalidOperationException">A control is no number; the message names it. Or another thread is
    /// in a call.</exception>
    /// <exception cref="MujocoBlowupException">A number of the state was NaN, infinite or beyond 1e10. The simulation
    /// is in its initial state.</exception>
    /// <exception cref="MujocoException">MuJoCo met an error that it cannot go on from. The simulation can only be
    /// disposed of.</exception>
    public void Step(int count = 1)
    {
        if (TryStep(count) is { } problem)
        {
            throw new MujocoBlowupException(problem);
        }
    }

    /// <summary>Sets a control.</summary>
    /// <param name="actuator">The actuator's name.</param>
    /// <param name="value">A finite number. Beyond the actuator's range it acts as the range's end.</param>
    /// <exception cref="ArgumentException">There is no actuator of that name.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The value is no finite number.</exception>
    public void SetControl(string actuator, double value)
    {
        var index = Model.Actuators[actuator].Index;
        if (!double.IsFinite(value))
        {
            throw new ArgumentOutOfRangeException(
                nameof(value), value, $"The control of \"{actuator}\" is {Text(value)}; it must be a finite number.");
        }

        Controls[index] = value;
    }

    /// <summary>Sets all controls.</summary>
    /// <param name="values">One an actuator, finite. Beyond their ranges they act as the ranges' ends.</param>
    /// <exception cref="ArgumentException">They are too few or too many, or one is no finite number; the message names
    /// it. No control has changed.</exception>
    public void SetControls(ReadOnlySpan<double> values)
    {
        RequireLength(values.Length, Model.ControlCount, nameof(values), "one for each actuator");
        for (var index = 0; index < values.Length; index++)
        {
            if (!double.IsFinite(values[index]))
            {
                throw new ArgumentException(
                    $"values[{index}], the control of {Model.Actuators.Called(index)}, is {Text(values[index])}; it "
                        + "must be a finite number.",
                    nameof(values));
            }
        }

        values.CopyTo(Controls);
    }

    /// <summary>The contacts of the last evaluation.</summary>
    public IReadOnlyList<MujocoContact> Contacts()
    {
        var contacts = new MujocoContact[ContactCount];
        for (var index = 0; index < contacts.Length; index++)
        {
            contacts[index] = Contact(index);
        }

        return contacts;
    }

    /// <summary>A contact of the last evaluation.</summary>
    /// <param name="index">From 0 to <see cref="ContactCount"/> − 1.</param>
    public MujocoContact Contact(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, ContactCount);
        var place = *(nint*)(Data + layout["data.contact"]) + ((nint)index * layout["contact.size"]);
        var position = (double*)(place + layout["contact.pos"]);
        var normal = (double*)(place + layout["contact.frame"]);
        Span<double> force = stackalloc double[6];
        native.ContactForce(Model.Handle.Pointer, Data, index, force);
        return new(
            *(int*)(place + layout["contact.geom1"]),
            *(int*)(place + layout["contact.geom2"]),
            *(double*)(place + layout["contact.dist"]),
            (position[0], position[1], position[2]),
            (normal[0], normal[1], normal[2]),
            force[0]);
    }

    /// <summary>Frees the state.</summary>
    public void Dispose() => data.Dispose();

    /// <summary>Moves on, and tells what has blown up; null if nothing has. It ends at the first step that
    /// does.</summary>
    internal string? TryStep(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Enter();
        try
        {
            RequireControls();
            hasBodyForces = false;
            var model = Model.Handle.Pointer;
            var state = Data;
            for (var step = 0; step < count; step++)
            {
                native.Step(model, state);
                if (HasBlownUp(state))
                {
                    return Restart(model, state);
                }
            }

            // What the last step led to MuJoCo looks at in the next one.
            return IsSound(Positions) && IsSound(Velocities) ? null : Restart(model, state);
        }
        catch (MujocoException)
        {
            isBroken = true;
            throw;
        }
        finally
        {
            Leave();
        }
    }

    private nint Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(data.IsClosed, this);
            return isBroken
                ? throw new InvalidOperationException(
                    $"The simulation of {Model.Name} has met an error that MuJoCo cannot go on from; dispose of it and "
                        + "make another.")
                : data.Pointer;
        }
    }

    private void Do(Action<MujocoSimulation> action)
    {
        Enter();
        try
        {
            hasBodyForces = false;
            action(this);
        }
        catch (MujocoException)
        {
            isBroken = true;
            throw;
        }
        finally
        {
            Leave();
        }
    }

    private void Enter()
    {
        if (Interlocked.Exchange(ref isBusy, 1) != 0)
        {
            throw new InvalidOperationException(
                $"The simulation of {Model.Name} is in a call of another thread; give each thread a simulation of its "
                    + "own (they share the model).");
        }
    }

    private void Leave() => Volatile.Write(ref isBusy, 0);

    private void RequireControls()
    {
        var controls = Controls;
        for (var index = 0; index < controls.Length; index++)
        {
            if (!double.IsFinite(controls[index]))
            {
                throw new InvalidOperationException(
                    $"Controls[{index}], the control of {Model.Actuators.Called(index)}, is {Text(controls[index])}; "
                        + "it must be a finite number.");
            }
        }
    }

    /// <summary>The place of a warning's counter: its last detail, then how often it was raised.</summary>
    private int WarningPlace(string warning) => layout["data.warning"] + (8 * layout[warning]);

    /// <summary>Whether MuJoCo has met a bad number. A reset sets its counters to 0.</summary>
    private bool HasBlownUp(nint state)
    {
        foreach (var place in blowupPlaces)
        {
            if (*(int*)(state + place + 4) > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Goes to the initial state, and tells what has blown up.</summary>
    private string Restart(nint model, nint state)
    {
        BlowupCount++;
        var problem = Blowup(state);
        native.ResetData(model, state);
        native.Forward(model, state);
        return problem;
    }

    private string Blowup(nint state)
    {
        const string After =
            "was NaN, infinite or beyond 1e10. The simulation is in its initial state; smaller controls, a shorter "
            + "time step or more damping keep it sound.";
        string[] numbers = ["position", "velocity", "acceleration"];
        for (var kind = 0; kind < numbers.Length; kind++)
        {
            var place = state + blowupPlaces[kind];
            if (*(int*)(place + 4) > 0)
            {
                return $"{Model.Name} blew up: the {numbers[kind]} of {JointOf(kind, *(int*)place)} {After}";
            }
        }

        return $"{Model.Name} blew up: a number of its state {After}";
    }

    private static bool IsSound(ReadOnlySpan<double> numbers)
    {
        foreach (var number in numbers)
        {
            if (!(Math.Abs(number) <= 1e10))
            {
                return false;
            }
        }

        return true;
    }

    private string JointOf(int kind, int index)
    {
        for (var joint = Model.Joints.Count - 1; joint >= 0; joint--)
        {
            var first = kind == 0 ? Model.Joints[joint].PositionIndex : Model.Joints[joint].VelocityIndex;
            if (first <= index)
            {
                return Model.Joints.Called(joint);
            }
        }

        return $"number {index}";
    }

    private static void RequireLength(int length, int expected, string name, string what)
    {
        if (length != expected)
        {
            throw new ArgumentException($"{name} has {length} elements; it must have {expected}, {what}.", name);
        }
    }

    private static void RequireFinite(double value, string name)
    {
        if (!double.IsFinite(value))
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {Text(value)}; it must be a finite number.");
        }
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
