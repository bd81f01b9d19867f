using System;

namespace Rl.MuJoCo;

/// <content>The numbers of a simulation.</content>
public sealed unsafe partial class MujocoSimulation
{
    /// <summary>The positions of the joints, m, rad and quaternions (w, x, y, z); may be written.</summary>
    public Span<double> Positions => Doubles("data.qpos", Model.PositionCount);

    /// <summary>The velocities of the degrees of freedom, m/s and rad/s; may be written.</summary>
    public Span<double> Velocities => Doubles("data.qvel", Model.VelocityCount);

    /// <summary>The states of actuators that have one; may be written.</summary>
    public Span<double> Activations => Doubles("data.act", Model.ActivationCount);

    /// <summary>The controls, one an actuator; may be written. Beyond their ranges they act as the ranges'
    /// ends.</summary>
    public Span<double> Controls => Doubles("data.ctrl", Model.ControlCount);

    /// <summary>Forces of your own on the degrees of freedom, N and Nm; may be written, and stay.</summary>
    public Span<double> AppliedForces => Doubles("data.qfrc_applied", Model.VelocityCount);

    /// <summary>Forces of your own on bodies, six a body: force (N) and torque (Nm) at its centre of mass, in the
    /// world's axes; may be written, and stay.</summary>
    public Span<double> AppliedBodyForces => Doubles("data.xfrc_applied", 6 * Model.Bodies.Count);

    /// <summary>The accelerations of the degrees of freedom, m/s² and rad/s².</summary>
    public ReadOnlySpan<double> Accelerations => Doubles("data.qacc", Model.VelocityCount);

    /// <summary>The numbers of all sensors, one sensor after the other.</summary>
    public ReadOnlySpan<double> SensorValues => Doubles("data.sensordata", Model.SensorValueCount);

    /// <summary>Where the bodies are, three numbers a body, m.</summary>
    public ReadOnlySpan<double> BodyPositions => Doubles("data.xpos", 3 * Model.Bodies.Count);

    /// <summary>How the bodies are turned: a quaternion (w, x, y, z) a body.</summary>
    public ReadOnlySpan<double> BodyOrientations => Doubles("data.xquat", 4 * Model.Bodies.Count);

    /// <summary>Where the shapes are, three numbers a shape, m.</summary>
    public ReadOnlySpan<double> GeomPositions => Doubles("data.geom_xpos", 3 * Model.Geoms.Count);

    /// <summary>How the shapes are turned: a matrix [3, 3] a shape, whose columns are the shape's axes.</summary>
    public ReadOnlySpan<double> GeomRotations => Doubles("data.geom_xmat", 9 * Model.Geoms.Count);

    /// <summary>Where the sites are, three numbers a site, m.</summary>
    public ReadOnlySpan<double> SitePositions => Doubles("data.site_xpos", 3 * Model.Sites.Count);

    /// <summary>The centres of mass of the bodies with all that they carry, three numbers a body, m; the first is that
    /// of the whole robot.</summary>
    public ReadOnlySpan<double> CentresOfMass => Doubles("data.subtree_com", 3 * Model.Bodies.Count);

    /// <summary>The inertias of the bodies about the centre of mass of their tree, ten numbers a body (MuJoCo's
    /// <c>cinert</c>).</summary>
    public ReadOnlySpan<double> BodyInertias => Doubles("data.cinert", 10 * Model.Bodies.Count);

    /// <summary>The velocities of the bodies about the centre of mass of their tree, six numbers a body: rad/s, then
    /// m/s (MuJoCo's <c>cvel</c>).</summary>
    public ReadOnlySpan<double> BodyVelocities => Doubles("data.cvel", 6 * Model.Bodies.Count);

    /// <summary>The forces of the actuators on the degrees of freedom, N and Nm.</summary>
    public ReadOnlySpan<double> JointActuation => Doubles("data.qfrc_actuator", Model.VelocityCount);

    /// <summary>The forces of limits and contacts on the degrees of freedom, N and Nm.</summary>
    public ReadOnlySpan<double> ConstraintForces => Doubles("data.qfrc_constraint", Model.VelocityCount);

    /// <summary>The forces of contacts on the bodies about the centre of mass of their tree, six numbers a body: torque
    /// (Nm), then force (N) (MuJoCo's <c>cfrc_ext</c>). MuJoCo computes them when they are asked for first after a
    /// step.</summary>
    public ReadOnlySpan<double> ContactForces
    {
        get
        {
            if (!hasBodyForces)
            {
                Do(static simulation =>
                    simulation.native.BodyForces(simulation.Model.Handle.Pointer, simulation.Data));
                hasBodyForces = true;
            }

            return Doubles("data.cfrc_ext", 6 * Model.Bodies.Count);
        }
    }

    /// <summary>The lengths of the tendons.</summary>
    public ReadOnlySpan<double> TendonLengths => Doubles("data.ten_length", Model.Tendons.Count);

    /// <summary>The velocities of the tendons.</summary>
    public ReadOnlySpan<double> TendonVelocities => Doubles("data.ten_velocity", Model.Tendons.Count);

    /// <summary>How many contacts the last evaluation found.</summary>
    public int ContactCount => *(int*)(Data + layout["data.ncon"]);

    /// <summary>How many numbers a state has: time, positions, velocities, states of actuators, controls, and the
    /// accelerations that the solver of contacts starts from.</summary>
    public int StateSize =>
        1 + Model.PositionCount + (2 * Model.VelocityCount) + Model.ActivationCount + Model.ControlCount;

    /// <summary>Where a body is, x, y and z in m.</summary>
    /// <param name="body">The body's name.</param>
    public ReadOnlySpan<double> BodyPosition(string body) => BodyPositions.Slice(3 * Model.Bodies[body].Index, 3);

    /// <summary>Where a site is, x, y and z in m.</summary>
    /// <param name="site">The site's name.</param>
    public ReadOnlySpan<double> SitePosition(string site) => SitePositions.Slice(3 * Model.Sites[site].Index, 3);

    /// <summary>The numbers of a sensor.</summary>
    /// <param name="sensor">The sensor's name.</param>
    public ReadOnlySpan<double> Sensor(string sensor)
    {
        var found = Model.Sensors[sensor];
        return SensorValues.Slice(found.Address, found.Dimension);
    }

    /// <summary>Writes the state, from which <see cref="SetState"/> goes on with the same bits.</summary>
    /// <param name="state"><see cref="StateSize"/> numbers.</param>
    /// <remarks>Forces of your own and bodies that are moved from outside are not in it.</remarks>
    public void GetState(Span<double> state)
    {
        RequireLength(state.Length, StateSize, nameof(state), nameof(StateSize));
        state[0] = Time;
        var rest = state[1..];
        Put(Positions, ref rest);
        Put(Velocities, ref rest);
        Put(Activations, ref rest);
        Put(Controls, ref rest);
        Put(WarmStart, ref rest);
    }

    /// <summary>Goes to a state, and evaluates everything there.</summary>
    /// <param name="state"><see cref="StateSize"/> finite numbers, as <see cref="GetState"/> writes them.</param>
    /// <exception cref="ArgumentException">They are too few or too many, or one is no finite number. Nothing has
    /// changed.</exception>
    public void SetState(ReadOnlySpan<double> state)
    {
        RequireLength(state.Length, StateSize, nameof(state), nameof(StateSize));
        for (var index = 0; index < state.Length; index++)
        {
            if (!double.IsFinite(state[index]))
            {
                throw new ArgumentException(
                    $"state[{index}] is {Text(state[index])}; it must be a finite number.", nameof(state));
            }
        }

        Time = state[0];
        var rest = state[1..];
        Take(Positions, ref rest);
        Take(Velocities, ref rest);
        Take(Activations, ref rest);
        Take(Controls, ref rest);
        Forward();
        rest.CopyTo(WarmStart);
    }

    /// <summary>Becomes like another simulation of the same model, in all its numbers.</summary>
    /// <param name="other">It does not change.</param>
    /// <exception cref="ArgumentException">It is one of another model.</exception>
    public void CopyFrom(MujocoSimulation other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!ReferenceEquals(other.Model, Model))
        {
            throw new ArgumentException(
                $"other is a simulation of another model, {other.Model.Name}; it must be one of this model.",
                nameof(other));
        }

        var (to, from) = (Data, other.Data);
        Do(simulation => simulation.native.CopyData(to, simulation.Model.Handle.Pointer, from));
        hasBodyForces = other.hasBodyForces;
        BlowupCount = other.BlowupCount;
    }

    private Span<double> WarmStart => Doubles("data.qacc_warmstart", Model.VelocityCount);

    private Span<double> Doubles(string name, int count) => new(*(double**)(Data + layout[name]), count);

    private double* Number(string name) => (double*)(Data + layout[name]);

    private static void Put(ReadOnlySpan<double> part, ref Span<double> rest)
    {
        part.CopyTo(rest);
        rest = rest[part.Length..];
    }

    private static void Take(Span<double> part, ref ReadOnlySpan<double> rest)
    {
        rest[..part.Length].CopyTo(part);
        rest = rest[part.Length..];
    }
}
